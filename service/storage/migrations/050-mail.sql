-- Since when a guest waits for a person of reception; null: nobody does. A person's message or a hand-back ends it.
alter table conversations add column waits_for_person_since timestamptz;
update conversations set waits_for_person_since = updated_at where handed_over;
create index conversations_waiting_for_person on conversations (waits_for_person_since) where waits_for_person_since is not null;

-- sent_from: the number or address that a reply leaves from, '' when the channel has one only: what has a rate of its own.
-- by_person: somebody of reception wrote it. pending_since: since when it waits, counted anew when it is replayed.
-- expires_at: afterwards it isn't worth sending and becomes a dead letter; null: never.
alter table outbox
  add column sent_from text not null default '' check (length(sent_from) <= 256),
  add column by_person boolean not null default false,
  add column pending_since timestamptz not null default now(),
  add column expires_at timestamptz;
update outbox o set by_person = true
  from messages m
 where o.state = 'pending' and m.tenant_id = o.tenant_id and m.conversation_id = o.conversation_id and m.id = o.message and m.content ? 'by';

-- A line of replies: those of one hotel that leave from one number. Lines take turns.
drop index outbox_pending;
create index outbox_lines on outbox (channel, (tenant_id || ' ' || sent_from), next_attempt_at) where state = 'pending';

alter table tickets drop constraint tickets_kind_check;
alter table tickets add constraint tickets_kind_check check (kind in
  ('handover', 'service', 'issue', 'late_checkout', 'booking', 'question', 'emergency', 'data', 'failed', 'undelivered'));

grant select (waits_for_person_since) on conversations to gatehouse_dispatcher;
grant select (sent_from, by_person, attempts, pending_since) on outbox to gatehouse_dispatcher;
grant select (tenant_id, urgent, state) on tickets to gatehouse_dispatcher;
create policy dispatch on tickets for select to gatehouse_dispatcher using (true);

-- As before, and `interrupted` says that the holder before didn't give the lease back: its process ended, or hung, with it.
drop function claim_conversations(text, int, int);
drop function claim_conversations(text, int, int, text[], int);
create function claim_conversations(worker text, lease_seconds int, maximum int, held text[], most int)
  returns table (tenant_id text, conversation_id uuid, lease_token bigint, interrupted boolean)
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
  my_turn int;
  place text := '';
  next_tenant text;
  free_id uuid;
  free_owner text;
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
    select c.id, c.lease_owner into free_id, free_owner
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
    interrupted := free_owner is not null;
    return next;
    held := held || next_tenant;
    taken := taken + 1;
    gained := true;
  end loop;
  if taken > 0 and my_turn is not null then
    update dispatch_turns t set last_tenant = place where t.turn = my_turn;
  end if;
end $$;

create function claim_conversations(worker text, lease_seconds int, maximum int)
  returns table (tenant_id text, conversation_id uuid, lease_token bigint, interrupted boolean)
  language sql volatile security definer set search_path = public, pg_temp
as $$ select * from claim_conversations(worker, lease_seconds, maximum, '{}', maximum) $$;

-- Leases up to `maximum` replies of a channel that are due, only ever the oldest of a conversation: so replies go out in
-- order, one at a time per guest, whatever the number of senders. A person's message doesn't wait for a retry of the agent's.
-- Lines take turns, beginning behind the line `behind`: each one's first, then each one's second. `held` names the lines of
-- the caller's other leases, each as often as it has one; no line gets more than `most` with those.
create function claim_outbox(sender text, channel_name text, lease_seconds int, maximum int, held text[], most int, behind text)
  returns table (tenant_id text, id uuid, lease_token bigint, interrupted boolean, line text)
  language plpgsql volatile security definer set search_path = public, pg_temp
as $$
declare
  place text := behind;
  next_line text;
  due record;
  taken int := 0;
  whole boolean := behind = '';
  gained boolean := false;
begin
  while taken < maximum loop
    select o.tenant_id || ' ' || o.sent_from into next_line
      from outbox o
     where o.state = 'pending' and o.channel = channel_name and o.tenant_id || ' ' || o.sent_from > place
     order by o.tenant_id || ' ' || o.sent_from limit 1;
    if next_line is null then
      exit when whole and not gained;
      whole := true;
      gained := false;
      place := '';
      continue;
    end if;
    place := next_line;
    continue when cardinality(array_positions(held, next_line)) >= most;
    select o.tenant_id, o.id, o.lease_owner is not null as interrupted into due
      from outbox o
     where o.state = 'pending' and o.channel = channel_name and o.tenant_id || ' ' || o.sent_from = next_line
       and o.next_attempt_at <= clock_timestamp()
       and (o.lease_until is null or o.lease_until < clock_timestamp())
       and not exists (
         select from outbox earlier
          where earlier.tenant_id = o.tenant_id and earlier.conversation_id = o.conversation_id
            and earlier.state = 'pending' and earlier.message < o.message
            and not (o.by_person and not earlier.by_person and earlier.attempts > 0 and earlier.lease_owner is null))
     order by o.next_attempt_at
       for update skip locked
     limit 1;
    continue when due.id is null;
    update outbox o
       set lease_owner = sender, lease_until = clock_timestamp() + make_interval(secs => lease_seconds), lease_token = o.lease_token + 1
     where o.tenant_id = due.tenant_id and o.id = due.id
    returning o.tenant_id, o.id, o.lease_token into claim_outbox.tenant_id, claim_outbox.id, claim_outbox.lease_token;
    interrupted := due.interrupted;
    line := next_line;
    return next;
    held := held || next_line;
    taken := taken + 1;
    gained := true;
  end loop;
end $$;

-- For senders of the release before.
create or replace function claim_outbox(sender text, channel_name text, lease_seconds int, maximum int)
  returns table (tenant_id text, id uuid, lease_token bigint, interrupted boolean)
  language sql volatile security definer set search_path = public, pg_temp
as $$
  select c.tenant_id, c.id, c.lease_token, c.interrupted
    from claim_outbox(sender, channel_name, lease_seconds, maximum, '{}', maximum, '') c
$$;

-- Everything that waits, of all hotels: for the gauges.
create function waiting_work(
    out inbox_depth bigint, out inbox_oldest_age_seconds double precision,
    out outbox_pending bigint, out outbox_oldest_age_seconds double precision, out dead_letters bigint,
    out handovers_waiting bigint, out handover_oldest_age_seconds double precision,
    out tickets_urgent bigint, out tickets_normal bigint)
  language sql stable security definer set search_path = public, pg_temp
as $$
  select inbox.depth, inbox.age, pending.count, pending.age, dead.count, waiting.count, waiting.age, tickets.urgent, tickets.normal
    from (select count(*) as depth, coalesce(extract(epoch from clock_timestamp() - min(waiting_since)), 0)::double precision as age
            from conversations where waiting_since is not null) inbox,
         (select count(*), coalesce(extract(epoch from clock_timestamp() - min(pending_since)), 0)::double precision as age
            from outbox where state = 'pending') pending,
         (select count(*) from outbox where state = 'dead') dead,
         (select count(*), coalesce(extract(epoch from clock_timestamp() - min(waits_for_person_since)), 0)::double precision as age
            from conversations where waits_for_person_since is not null) waiting,
         (select count(*) filter (where urgent) as urgent, count(*) filter (where not urgent) as normal
            from tickets where state = 'open') tickets
$$;

grant create on schema public to gatehouse_dispatcher;
alter function claim_conversations(text, int, int, text[], int) owner to gatehouse_dispatcher;
alter function claim_conversations(text, int, int) owner to gatehouse_dispatcher;
alter function claim_outbox(text, text, int, int, text[], int, text) owner to gatehouse_dispatcher;
alter function claim_outbox(text, text, int, int) owner to gatehouse_dispatcher;
alter function waiting_work owner to gatehouse_dispatcher;
revoke create on schema public from gatehouse_dispatcher;
revoke execute on function
  claim_conversations(text, int, int, text[], int), claim_conversations(text, int, int),
  claim_outbox(text, text, int, int, text[], int, text), waiting_work from public;
grant execute on function
  claim_conversations(text, int, int, text[], int), claim_conversations(text, int, int),
  claim_outbox(text, text, int, int, text[], int, text), waiting_work to gatehouse_app;

-- For how long the oldest snapshot has been held, in seconds: vacuum can't take what became dead since, so queues slow down.
-- Null when it may not be seen: whoever migrates needs the right to grant pg_read_all_stats.
do $$
begin
  begin
    execute 'create role gatehouse_observer nologin';
  exception when duplicate_object or unique_violation then
    null;
  end;
  execute 'grant gatehouse_observer to current_user';
  begin
    execute 'grant pg_read_all_stats to gatehouse_observer';
  exception when insufficient_privilege then
    raise notice 'gatehouse_observer may not read the statistics of other sessions: the age of snapshots stays unknown';
  end;
end $$;
grant usage on schema public to gatehouse_observer;

create function oldest_snapshot_age() returns double precision
  language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select case when pg_has_role('pg_read_all_stats', 'usage') then
           coalesce(extract(epoch from clock_timestamp() - least(
             (select min(xact_start) from pg_stat_activity
               where (backend_xmin is not null or backend_xid is not null) and pid <> pg_backend_pid() and backend_type = 'client backend'),
             (select min(prepared) from pg_prepared_xacts))), 0)::double precision end
$$;
grant create on schema public to gatehouse_observer;
alter function oldest_snapshot_age owner to gatehouse_observer;
revoke create on schema public from gatehouse_observer;
revoke execute on function oldest_snapshot_age from public;
grant execute on function oldest_snapshot_age to gatehouse_app;
