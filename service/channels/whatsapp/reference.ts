/** What goes along with a message and comes back with its statuses, so that they find it whatever happened in between. */
export interface Reference {
  tenantId: string;
  outboxId: string;
  part: number;
  parts: number;
  replays: number;
}

const FORM = /^gatehouse1\/([a-z0-9_-]{1,64})\/([0-9a-f-]{36})\/(\d{1,3})\/(\d{1,3})\/(\d{1,6})$/;

/** @returns at most 150 characters; the API takes 512 */
export function writeReference({ tenantId, outboxId, part, parts, replays }: Reference): string {
  return ["gatehouse1", tenantId, outboxId, part, parts, replays].join("/");
}

/** @returns undefined for what another program sent along */
export function readReference(text: string | undefined): Reference | undefined {
  const match = FORM.exec(text ?? "");
  if (match === null) return undefined;
  const [, tenantId, outboxId, part, parts, replays] = match as unknown as [string, string, string, string, string, string];
  return { tenantId, outboxId, part: Number(part), parts: Number(parts), replays: Number(replays) };
}
