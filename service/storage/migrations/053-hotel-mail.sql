-- The address that guests write mail to. It decides whose guests a hotel gets, so it is a column that no two hotels share,
-- and not one of the settings that a hotel writes by itself.
alter table tenants add column email_address text unique
  check (length(email_address) between 3 and 254 and email_address ~ '^[^\s<>@,;:"]+@[^\s<>@,;:"]+$' and email_address = lower(email_address));

-- Addresses that exactly one hotel had in its settings. There they stay for processes of the release before.
update tenants t set email_address = lower(t.settings ->> 'email_address')
 where lower(t.settings ->> 'email_address') ~ '^[^\s<>@,;:"]+@[^\s<>@,;:"]+$'
   and length(t.settings ->> 'email_address') between 3 and 254
   and not exists (
     select from tenants o where o.id <> t.id and lower(o.settings ->> 'email_address') = lower(t.settings ->> 'email_address'));
