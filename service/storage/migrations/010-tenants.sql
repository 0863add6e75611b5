-- Hotels. The service reads all of them without a tenant, to find the one a message is for; inside a tenant's
-- transaction only its own row is seen, and only that one can be written.
create table tenants (
  id text primary key check (id ~ '^[a-z0-9][a-z0-9_-]{0,63}$'),
  name text not null check (length(name) between 1 and 200),
  pattern text check (length(pattern) between 1 and 200),
  active boolean not null default true,
  -- of two tenants whose pattern fits, the one with the higher number gets the guest, then the smaller id
  priority int not null default 0 check (priority between -1000000 and 1000000),
  -- fails for a name that the database doesn't know
  time_zone text not null default 'UTC' check ((timestamptz '2000-01-01 00:00:00+00' at time zone time_zone) is not null),
  languages text[] not null default '{es,en,pt}'
    check (cardinality(languages) between 1 and 3 and languages <@ array['es', 'en', 'pt']),
  -- [{days: [mon…], open: "09:00", close: "18:00"}]; null: always open
  business_hours jsonb check (jsonb_typeof(business_hours) = 'array'),
  whatsapp_phone_number_id text unique check (whatsapp_phone_number_id ~ '^[0-9]{1,32}$'),
  limits jsonb not null default '{}' check (jsonb_typeof(limits) = 'object'),
  pms jsonb not null default '{}' check (jsonb_typeof(pms) = 'object'),
  settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object' and length(settings::text) <= 32768),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version bigint not null default 1,
  -- the change of the table that wrote this row last: processes read only what is newer than what they have
  change bigint not null,
  check (id <> 'default' or (active and pattern is null))
);
create index tenants_change on tenants (change);

alter table tenants enable row level security;
alter table tenants force row level security;
create policy tenant_isolation on tenants
  using ((select current_tenant()) is null or id = (select current_tenant()))
  with check ((select current_tenant()) is null or id = (select current_tenant()));
grant select, insert, update, delete on tenants to gatehouse_app;

-- One row: the number of the last change, and which database it counts for (a copy in Redis may be of another).
create table tenant_map (
  only_row boolean primary key default true check (only_row),
  identity uuid not null default gen_random_uuid(),
  change bigint not null
);
insert into tenant_map (change) values (0);
grant select, update on tenant_map to gatehouse_app;

-- Which tenants went, and with which change: processes that still know them drop them.
create table tenant_deletions (
  id text primary key,
  change bigint not null
);
create index tenant_deletions_change on tenant_deletions (change);
grant select, insert, update on tenant_deletions to gatehouse_app;

-- Writers take turns on the row of tenant_map until they commit, so changes become visible in the order of their numbers.
create function number_tenant_change() returns trigger language plpgsql as $$
declare
  number bigint;
begin
  update tenant_map set change = change + 1 returning change into number;
  perform set_config('app.tenant_change', number::text, true);
  perform pg_notify('tenants', number::text);
  return null;
end $$;
create trigger number_change before insert or update or delete on tenants
  for each statement execute function number_tenant_change();

create function stamp_tenant() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    if old.id = 'default' then
      raise exception 'the tenant "default" can''t be deleted: it takes the messages that no other tenant gets' using errcode = 'check_violation';
    end if;
    insert into tenant_deletions (id, change) values (old.id, current_setting('app.tenant_change')::bigint)
      on conflict (id) do update set change = excluded.change;
    return old;
  end if;
  new.change := current_setting('app.tenant_change')::bigint;
  if tg_op = 'UPDATE' then
    if new.id <> old.id then
      raise exception 'the id of a tenant can''t change: its data is filed under it' using errcode = 'check_violation';
    end if;
    new.version := old.version + 1;
    new.created_at := old.created_at;
    new.updated_at := clock_timestamp();
  end if;
  return new;
end $$;
create trigger stamp before insert or update or delete on tenants for each row execute function stamp_tenant();

insert into tenants (id, name) values ('default', 'Gatehouse');

-- Who changed what. Rows outlive their tenant; the service can add to it and read it, and nothing else.
create table audit_log (
  tenant_id text not null check (length(tenant_id) between 1 and 64),
  id bigint generated always as identity,
  at timestamptz not null default clock_timestamp(),
  actor text not null check (length(actor) between 1 and 256),
  action text not null check (length(action) between 1 and 64),
  subject text not null check (length(subject) between 1 and 256),
  before jsonb,
  after jsonb,
  request_id text,
  primary key (tenant_id, id)
);
call isolate_tenants('audit_log');
revoke update, delete on audit_log from gatehouse_app;

-- Deletes every row of the transaction's tenant, in every table that has tenant_id, but the audit log. Runs with the
-- caller's rights, so row-level security keeps it inside the tenant. Tables that others point to wait for the next round.
create function erase_tenant() returns void language plpgsql set search_path = public, pg_temp as $$
declare
  targets regclass[];
  kept regclass[];
  target regclass;
begin
  if current_tenant() is null then
    raise exception 'erase_tenant: there is no tenant in this transaction';
  end if;
  select array_agg(c.oid::regclass) into targets
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
   where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and c.relname <> 'audit_log';
  while targets <> '{}' loop
    kept := '{}';
    foreach target in array targets loop
      begin
        execute format('delete from %s', target);
      exception when foreign_key_violation then
        kept := kept || target;
      end;
    end loop;
    if kept = targets then
      raise exception 'erase_tenant: rows of % hold each other', kept;
    end if;
    targets := kept;
  end loop;
end $$;

-- A conversation belongs to a tenant that exists, and goes with it.
alter table conversations add foreign key (tenant_id) references tenants (id) on delete cascade;

-- Fair turns. Workers take conversations in rounds over the tenants: each one's first, then each one's second.
-- A turn remembers the tenant it came to, so that the next call goes on behind it. There are several, so that calls at
-- the same time don't wait for each other; each goes round all tenants by itself, which keeps the shares equal.
create table dispatch_turns (
  turn int primary key,
  last_tenant text not null default ''
);
insert into dispatch_turns (turn) select generate_series(1, 32);
grant select (turn, last_tenant), update (last_tenant) on dispatch_turns to gatehouse_dispatcher;

create index conversations_waiting_of_tenant on conversations (tenant_id, waiting_since) where waiting_since is not null;
drop index conversations_waiting;

-- Leases up to `maximum` conversations that have waiting messages. `held` names the tenants of the caller's other leases,
-- each as often as it has one; no tenant gets more than `most` with those. It visits one index entry a tenant, so its cost
-- depends on `maximum` and not on how many conversations wait.
create function claim_conversations(worker text, lease_seconds int, maximum int, held text[], most int)
  returns table (tenant_id text, conversation_id uuid, lease_token bigint)
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
  my_turn int;
  place text := '';
  next_tenant text;
  free_id uuid;
  new_token bigint;
  taken int := 0;
  -- a round without a gain ends the search; it counts from '' only, since the first may begin in the middle
  whole boolean := false;
  gained boolean := false;
begin
  select t.turn, t.last_tenant into my_turn, place
    from dispatch_turns t order by t.turn for update skip locked limit 1;
  place := coalesce(place, '');
  while taken < maximum loop
    select c.tenant_id into next_tenant
      from conversations c
     where c.waiting_since is not null and c.tenant_id > place
     order by c.tenant_id limit 1;
    if next_tenant is null then
      exit when whole and not gained;
      whole := true;
      gained := false;
      place := '';
      continue;
    end if;
    place := next_tenant;
    continue when cardinality(array_positions(held, next_tenant)) >= most;
    select c.id into free_id
      from conversations c
     where c.waiting_since is not null and c.tenant_id = next_tenant
       and (c.lease_until is null or c.lease_until < clock_timestamp())
     order by c.waiting_since
       for update skip locked
     limit 1;
    continue when free_id is null;
    update conversations c
       set lease_owner = worker, lease_until = clock_timestamp() + make_interval(secs => lease_seconds), lease_token = c.lease_token + 1
     where c.tenant_id = next_tenant and c.id = free_id
    returning c.lease_token into new_token;
    tenant_id := next_tenant;
    conversation_id := free_id;
    lease_token := new_token;
    return next;
    held := held || next_tenant;
    taken := taken + 1;
    gained := true;
  end loop;
  if taken > 0 and my_turn is not null then
    update dispatch_turns t set last_tenant = place where t.turn = my_turn;
  end if;
end $$;

create or replace function claim_conversations(worker text, lease_seconds int, maximum int)
  returns table (tenant_id text, conversation_id uuid, lease_token bigint)
  language sql volatile security definer set search_path = public, pg_temp
as $$ select * from claim_conversations(worker, lease_seconds, maximum, '{}', maximum) $$;

grant create on schema public to gatehouse_dispatcher;
alter function claim_conversations(text, int, int, text[], int) owner to gatehouse_dispatcher;
revoke create on schema public from gatehouse_dispatcher;
revoke execute on function claim_conversations(text, int, int, text[], int) from public;
grant execute on function claim_conversations(text, int, int, text[], int) to gatehouse_app;
