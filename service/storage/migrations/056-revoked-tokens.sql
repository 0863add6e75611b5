-- Tokens of administrators that count no more before they end: one by its id, or all of a subject that were issued before a time.
-- Rows are never changed or deleted: what was revoked stays so.
create table revoked_tokens (
  id bigint generated always as identity primary key,
  jti text check (length(jti) between 1 and 256),
  subject text check (length(subject) between 1 and 256),
  issued_before timestamptz,
  revoked_by text not null check (length(revoked_by) between 1 and 256),
  revoked_at timestamptz not null default now(),
  check ((jti is null) <> (subject is null) and (subject is null) = (issued_before is null))
);
grant select, insert on revoked_tokens to gatehouse_app;
