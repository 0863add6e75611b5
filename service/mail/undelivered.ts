/**
 * What a reply that became a dead letter leaves for reception: one ticket per guest and day, urgent when a person had written it.
 *
 * @param dead name of a table expression of such replies of tenant $1, with their error
 * @returns the insert
 */
export const ticketOf = (dead: string) => `
  insert into tickets (tenant_id, key, conversation_id, channel, user_id, kind, urgent, text)
  select distinct on (conversation_id) $1, 'undelivered:' || conversation_id || ':' || current_date, conversation_id, channel, user_id,
         'undelivered', by_person, left(coalesce(error, '') || ' | ' || coalesce(payload ->> 'text', ''), 2000)
    from ${dead}
  on conflict (tenant_id, key) do nothing`;
