-- What reception must be told: one row per thing and step, made in the transaction that makes the ticket, so that no ticket
-- goes unannounced. `subject` names it: a notice is made once. `step` 0 tells the hotel's people, higher ones are escalations.
create table notices (
  tenant_id text not null check (length(tenant_id) between 1 and 64),
  id uuid not null default gen_random_uuid(),
  subject text not null check (length(subject) between 1 and 420),
  step smallint not null default 0,
  ticket_key text not null,
  state text not null default 'pending' check (state in ('pending', 'acknowledged', 'failed')),
  attempts int not null default 0,
  -- whoever makes the ticket tells at once; the others leave it alone for so long
  next_attempt_at timestamptz not null default now() + interval '5 seconds',
  lease_until timestamptz,
  acknowledged_at timestamptz,
  acknowledged_by text,
  escalate_at timestamptz,
  error text,
  created_at timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (tenant_id, subject, step),
  foreign key (tenant_id, ticket_key) references tickets (tenant_id, key) on delete cascade
);
call isolate_tenants('notices');
create index notices_due on notices (next_attempt_at) where state = 'pending';
create index notices_to_escalate on notices (escalate_at) where escalate_at is not null;
create index notices_of_ticket on notices (tenant_id, ticket_key);

create function announce_ticket() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  if tg_op = 'INSERT' then
    insert into notices (tenant_id, subject, ticket_key) values (new.tenant_id, new.key, new.key) on conflict do nothing;
  elsif new.room is distinct from old.room and new.state = 'open' then
    -- the room was said after the ticket was made
    insert into notices (tenant_id, subject, ticket_key) values (new.tenant_id, 'room ' || new.room || ' ' || new.key, new.key)
      on conflict do nothing;
  end if;
  return null;
end $$;
create trigger announce_ticket after insert or update of room on tickets for each row execute function announce_ticket();

grant select (tenant_id, id, state, next_attempt_at, lease_until, escalate_at, created_at), update (lease_until) on notices to gatehouse_dispatcher;
create policy dispatch on notices to gatehouse_dispatcher using (true) with check (true);

-- Leases notices that are due, of every hotel: to be told, or to be escalated. Each hotel's first comes before anyone's second.
create function claim_notices(lease_seconds int, maximum int)
  returns table (tenant_id text, id uuid, state text)
  language sql volatile security definer set search_path = public, pg_temp
as $$
  with turns as (
    select n.tenant_id, n.id, row_number() over (partition by n.tenant_id order by n.created_at) as turn
      from notices n
     where ((n.state = 'pending' and n.next_attempt_at <= clock_timestamp()) or n.escalate_at <= clock_timestamp())
       and (n.lease_until is null or n.lease_until < clock_timestamp())
  ), due as (
    select n.tenant_id, n.id
      from notices n join turns on turns.tenant_id = n.tenant_id and turns.id = n.id
     where n.lease_until is null or n.lease_until < clock_timestamp()
     order by turns.turn, n.created_at
       for update of n skip locked
     limit maximum
  )
  update notices n set lease_until = clock_timestamp() + make_interval(secs => lease_seconds)
    from due where n.tenant_id = due.tenant_id and n.id = due.id
  returning n.tenant_id, n.id, n.state
$$;

-- Notices that nobody took yet, and for how long the oldest waits: for the gauges.
create function waiting_notices(out pending bigint, out oldest_age_seconds double precision)
  language sql stable security definer set search_path = public, pg_temp
as $$
  select count(*), coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::double precision from notices where state = 'pending'
$$;

grant create on schema public to gatehouse_dispatcher;
alter function claim_notices owner to gatehouse_dispatcher;
alter function waiting_notices owner to gatehouse_dispatcher;
revoke create on schema public from gatehouse_dispatcher;
revoke execute on function claim_notices, waiting_notices from public;
grant execute on function claim_notices, waiting_notices to gatehouse_app;
