-- Roles. They belong to the whole server, so another database may have made them already.
do $$
declare
  role_name text;
begin
  foreach role_name in array array['gatehouse_app', 'gatehouse_dispatcher'] loop
    begin
      execute format('create role %I nologin', role_name);
    exception when duplicate_object or unique_violation then
      null;
    end;
    execute format('grant %I to current_user', role_name);
  end loop;
end $$;

grant usage on schema public to gatehouse_app, gatehouse_dispatcher;
revoke create on schema public from public;

-- The tenant of this transaction; null when there is none, and then no row is seen.
create function current_tenant() returns text
  language sql stable parallel safe
  return nullif(current_setting('app.tenant_id', true), '');

-- What every table with tenant_id gets: only rows of the transaction's tenant, for the owner too.
create procedure isolate_tenants(target regclass) language plpgsql as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format(
    'create policy tenant_isolation on %s using (tenant_id = (select current_tenant())) with check (tenant_id = (select current_tenant()))',
    target);
  execute format('grant select, insert, update, delete on %s to gatehouse_app', target);
end $$;

create table conversations (
  tenant_id text not null check (length(tenant_id) between 1 and 64),
  id uuid not null default gen_random_uuid(),
  channel text not null check (length(channel) between 1 and 32),
  user_id text not null check (length(user_id) between 1 and 256),
  language text check (language in ('es', 'en', 'pt')),
  state jsonb not null default '{}',
  handed_over boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  -- number of the last message that came in; guests' messages are handled in this order
  last_received bigint not null default 0,
  -- since when a message waits; null: none does
  waiting_since timestamptz,
  -- who handles it now. lease_token grows with every lease, so a worker that lost its lease can't write.
  lease_owner text,
  lease_until timestamptz,
  lease_token bigint not null default 0,
  primary key (tenant_id, id),
  unique (tenant_id, channel, user_id)
);
call isolate_tenants('conversations');
create index conversations_waiting on conversations (waiting_since) where waiting_since is not null;

create table inbox (
  tenant_id text not null,
  channel text not null,
  message_id text not null check (length(message_id) between 1 and 256),
  conversation_id uuid not null,
  sequence bigint not null,
  payload jsonb not null,
  received_at timestamptz not null default now(),
  state text not null default 'waiting' check (state in ('waiting', 'done', 'failed')),
  attempts int not null default 0,
  error text,
  done_at timestamptz,
  primary key (tenant_id, channel, message_id),
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade
);
call isolate_tenants('inbox');
create index inbox_waiting on inbox (tenant_id, conversation_id, sequence) where state = 'waiting';

-- The history that reception reads. A reply names the guest's message that it answers.
create table messages (
  tenant_id text not null,
  conversation_id uuid not null,
  id bigint generated always as identity,
  direction text not null check (direction in ('in', 'out')),
  message_id text,
  in_reply_to text,
  text text not null,
  content jsonb not null default '{}',
  intent text,
  confidence double precision,
  band text check (band in ('high', 'medium', 'low')),
  status text not null,
  at timestamptz not null default now(),
  primary key (tenant_id, conversation_id, id),
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade
);
call isolate_tenants('messages');
create index messages_replies on messages (tenant_id, conversation_id, in_reply_to) where direction = 'out';

-- Replies on their way out, in order per conversation. 'available': the channel is read by its caller, nothing is sent.
create table outbox (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  conversation_id uuid not null,
  message bigint not null,
  channel text not null,
  user_id text not null,
  payload jsonb not null,
  state text not null check (state in ('available', 'pending', 'sent', 'dead')),
  attempts int not null default 0,
  next_attempt_at timestamptz not null default now(),
  provider_id text,
  error text,
  created_at timestamptz not null default now(),
  sent_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade
);
call isolate_tenants('outbox');
create index outbox_pending on outbox (next_attempt_at) where state = 'pending';

-- The dispatcher finds work in every tenant. It sees ids, times and leases, and nothing that a guest wrote.
grant select (tenant_id, id, waiting_since, lease_owner, lease_until, lease_token), update (lease_owner, lease_until, lease_token)
  on conversations to gatehouse_dispatcher;
create policy dispatch on conversations to gatehouse_dispatcher using (true) with check (true);

-- Leases up to `maximum` conversations that have waiting messages, the longest waiting first.
create function claim_conversations(worker text, lease_seconds int, maximum int)
  returns table (tenant_id text, conversation_id uuid, lease_token bigint)
  language sql volatile security definer set search_path = public
as $$
  update conversations c
     set lease_owner = worker, lease_until = clock_timestamp() + make_interval(secs => lease_seconds), lease_token = c.lease_token + 1
    from (
      select w.tenant_id, w.id
        from conversations w
       where w.waiting_since is not null and (w.lease_until is null or w.lease_until < clock_timestamp())
       order by w.waiting_since
         for update skip locked
       limit maximum
    ) free
   where c.tenant_id = free.tenant_id and c.id = free.id
  returning c.tenant_id, c.id, c.lease_token
$$;

-- How much waits: for the gauges inbox_depth and inbox_oldest_age_seconds.
create function waiting_conversations(out depth bigint, out oldest_age_seconds double precision)
  language sql stable security definer set search_path = public
as $$
  select count(*), coalesce(extract(epoch from clock_timestamp() - min(waiting_since)), 0)::double precision
    from conversations where waiting_since is not null
$$;
-- A function's owner needs the right to create in its schema at the moment it becomes the owner.
grant create on schema public to gatehouse_dispatcher;
alter function claim_conversations owner to gatehouse_dispatcher;
alter function waiting_conversations owner to gatehouse_dispatcher;
revoke create on schema public from gatehouse_dispatcher;

revoke execute on function claim_conversations, waiting_conversations from public;
grant execute on function claim_conversations, waiting_conversations to gatehouse_app;
