-- Sending: who has a row now, how far its parts are, how often it was sent back from the dead letters.
alter table outbox
  add column lease_owner text,
  add column lease_until timestamptz,
  add column lease_token bigint not null default 0,
  add column parts_done int not null default 0,
  add column replays int not null default 0;

drop index outbox_pending;
create index outbox_pending on outbox (channel, next_attempt_at) where state = 'pending';
-- The oldest reply of a conversation goes first: this finds whether a reply has one before it.
create index outbox_order on outbox (tenant_id, conversation_id, message) where state = 'pending';
create index outbox_dead on outbox (created_at) where state = 'dead';
create index outbox_provider on outbox (tenant_id, provider_id) where provider_id is not null;

-- The dispatcher sees ids, times and leases of replies in every tenant, and nothing of what they say or to whom.
grant select (tenant_id, id, conversation_id, message, channel, state, next_attempt_at, created_at, lease_owner, lease_until, lease_token),
      update (lease_owner, lease_until, lease_token)
  on outbox to gatehouse_dispatcher;
create policy dispatch on outbox to gatehouse_dispatcher using (true) with check (true);

-- Leases up to `maximum` replies of a channel that are due, only ever the oldest of a conversation: so replies go out in
-- order, one at a time a guest, whatever the number of senders.
create function claim_outbox(sender text, channel_name text, lease_seconds int, maximum int)
  returns table (tenant_id text, id uuid, lease_token bigint, interrupted boolean)
  language sql volatile security definer set search_path = public
as $$
  with due as (
    select o.tenant_id, o.id, o.lease_owner is not null as interrupted
      from outbox o
     where o.state = 'pending' and o.channel = channel_name and o.next_attempt_at <= clock_timestamp()
       and (o.lease_until is null or o.lease_until < clock_timestamp())
       and not exists (
         select from outbox earlier
          where earlier.tenant_id = o.tenant_id and earlier.conversation_id = o.conversation_id
            and earlier.state = 'pending' and earlier.message < o.message)
     order by o.next_attempt_at
       for update skip locked
     limit maximum
  )
  update outbox o
     set lease_owner = sender, lease_until = clock_timestamp() + make_interval(secs => lease_seconds), lease_token = o.lease_token + 1
    from due
   where o.tenant_id = due.tenant_id and o.id = due.id
  returning o.tenant_id, o.id, o.lease_token, due.interrupted
$$;

-- Dead letters of every tenant, newest first: for callers who may see all tenants.
create function dead_letters(letter uuid, channel_name text, before timestamptz, maximum int)
  returns table (tenant_id text, id uuid)
  language sql stable security definer set search_path = public
as $$
  select o.tenant_id, o.id
    from outbox o
   where o.state = 'dead' and (letter is null or o.id = letter)
     and (channel_name is null or o.channel = channel_name) and (before is null or o.created_at < before)
   order by o.created_at desc
   limit maximum
$$;

grant create on schema public to gatehouse_dispatcher;
alter function claim_outbox owner to gatehouse_dispatcher;
alter function dead_letters owner to gatehouse_dispatcher;
revoke create on schema public from gatehouse_dispatcher;
revoke execute on function claim_outbox, dead_letters from public;
grant execute on function claim_outbox, dead_letters to gatehouse_app;

-- Pages of the web chat that are open wait for this; its replies are fetched, not sent.
create function announce_web_reply() returns trigger language plpgsql as $$
begin
  perform pg_notify('web_reply', json_build_array(new.tenant_id, new.user_id)::text);
  return null;
end $$;
create trigger announce_web_reply after insert on outbox for each row when (new.channel = 'web') execute function announce_web_reply();
