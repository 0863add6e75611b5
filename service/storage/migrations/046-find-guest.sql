-- A token of all hotels asks for a guest without naming the hotel. These functions say which hotels know a guest or have a
-- conversation, and nothing else; what is there is then read hotel by hotel, under row-level security as always.
do $$
begin
  begin
    execute 'create role gatehouse_finder nologin';
  exception when duplicate_object or unique_violation then
    null;
  end;
  execute 'grant gatehouse_finder to current_user';
end $$;
grant usage on schema public to gatehouse_finder;
grant select (tenant_id, id, user_id) on conversations to gatehouse_finder;
grant select (tenant_id, user_id) on reservations to gatehouse_finder;
create policy find_guest on conversations for select to gatehouse_finder using (true);
create policy find_guest on reservations for select to gatehouse_finder using (true);
create index conversations_of_guest on conversations (user_id);
create index conversations_by_id on conversations (id);
create index reservations_by_guest on reservations (user_id);

create function tenants_of_guest(guest text) returns table (tenant_id text)
  language sql stable security definer set search_path = public
as $$
  select c.tenant_id from conversations c where c.user_id = guest
  union
  select r.tenant_id from reservations r where r.user_id = guest
  order by 1
$$;

create function tenant_of_conversation(conversation uuid) returns table (tenant_id text)
  language sql stable security definer set search_path = public
as $$
  select c.tenant_id from conversations c where c.id = conversation
$$;

grant create on schema public to gatehouse_finder;
alter function tenants_of_guest owner to gatehouse_finder;
alter function tenant_of_conversation owner to gatehouse_finder;
revoke create on schema public from gatehouse_finder;
revoke execute on function tenants_of_guest, tenant_of_conversation from public;
grant execute on function tenants_of_guest, tenant_of_conversation to gatehouse_app;
