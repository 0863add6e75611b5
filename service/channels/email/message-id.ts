/** What a bounce tells us about a mail of ours: its Message-ID names the outbox row. */
export interface MailReference {
  tenantId: string;
  outboxId: string;
  replays: number;
}

const FORM = /gatehouse1\.([a-z0-9_-]{1,64})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(\d{1,6})@/g;

/**
 * The Message-ID of a reply. It is the same for every attempt, so a mail that arrives twice is seen to be one.
 *
 * @param domain of the sender's address
 */
export function writeMessageId({ tenantId, outboxId, replays }: MailReference, domain: string): string {
  return `<gatehouse1.${tenantId}.${outboxId}.${replays}@${domain}>`;
}

/** @returns the mails of ours that a text names, each once */
export function findReferences(text: string): MailReference[] {
  const found = new Map<string, MailReference>();
  for (const [whole, tenantId, outboxId, replays] of text.matchAll(FORM)) {
    found.set(whole, { tenantId: tenantId!, outboxId: outboxId!, replays: Number(replays) });
  }
  return [...found.values()];
}
