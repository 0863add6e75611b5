// Gives a script its variables without the command line, which every user of the machine can read.

/**
 * The script's options, with the variables in each of its scenarios: k6 sets `__ENV` anew for each iteration of one.
 *
 * @param own the script's options
 * @param env variables by name
 */
export function withVariables(own, env) {
  const scenarios = own?.scenarios;
  if (!scenarios) return own;
  const named = Object.entries(scenarios).map(([name, scenario]) => [name, { ...scenario, env: { ...env, ...scenario.env } }]);
  return { ...own, scenarios: Object.fromEntries(named) };
}

/** The script's default function, which sets the variables first; undefined when there is none. */
export function defaultWith(script, env) {
  if (typeof script.default !== "function") return undefined;
  return (...args) => {
    Object.assign(__ENV, env);
    return script.default(...args);
  };
}
