const SECRET_NAME = /SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIAL|PRIVATE|API_?KEY|(?:^|_)(?:KEY|AUTH|AUTHORIZATION|COOKIE)$/i;

/**
 * The values of a script's variables that must be hidden wherever text of the script or of k6 is kept: those whose names tell that they
 * are secret, as they are and as a URL holds them. Values of less than four characters are left alone: hiding "1" would hide every 1.
 *
 * @param env variables by name
 * @returns longest first, so that a secret that holds another is hidden whole
 */
export function secretValues(env: Readonly<Record<string, string>>): string[] {
  const values = Object.entries(env).flatMap(([name, value]) =>
    SECRET_NAME.test(name) && value.length >= 4
      ? [value, encodeURIComponent(value), new URLSearchParams({ v: value }).toString().slice(2)]
      : [],
  );
  return [...new Set(values)].sort((a, b) => b.length - a.length);
}
