import { createHmac } from "node:crypto";

/** What a hotel's own key is for. */
export type HotelSecretUse = "messages" | "pms";

/**
 * A hotel's own key, made of a secret of the deployment: it speaks for that hotel and tells nothing of the others' keys. It changes
 * with the secret, or alone with its number when one hotel's has become known.
 *
 * @param number of the tenant's setting `messages_secret_number` or `pms_secret_number`; 1 where it is absent
 */
export function hotelSecret(secret: string, use: HotelSecretUse, tenantId: string, number = 1): string {
  return createHmac("sha256", secret).update(`gatehouse ${use} key\n${tenantId}\n${number}`).digest("hex");
}

/** @returns the keys of the hotel that a path names, one for each secret; none for a hotel that isn't there */
export function hotelSecrets(
  secrets: readonly string[],
  use: HotelSecretUse,
  tenant: { id: string; settings: Record<string, unknown> } | undefined,
): string[] {
  if (tenant === undefined) return [];
  return secrets.map((secret) => hotelSecret(secret, use, tenant.id, hotelSecretNumber(tenant.settings, use)));
}

/** @returns the number of a hotel's key in its settings; what isn't a whole number from 1 on counts as 1 */
function hotelSecretNumber(settings: Record<string, unknown>, use: HotelSecretUse): number {
  const number = settings[`${use}_secret_number`];
  return Number.isSafeInteger(number) && (number as number) > 0 ? (number as number) : 1;
}
