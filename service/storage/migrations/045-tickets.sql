-- Work for reception that a conversation left. The key is made of the guest's message: handling it twice makes one ticket.
create table tickets (
  tenant_id text not null check (length(tenant_id) between 1 and 64),
  key text not null check (length(key) between 1 and 400),
  id uuid not null default gen_random_uuid(),
  conversation_id uuid not null,
  channel text not null,
  user_id text not null,
  kind text not null check (kind in ('handover', 'service', 'issue', 'late_checkout', 'booking', 'question', 'emergency', 'data')),
  urgent boolean not null default false,
  text text not null,
  room text check (length(room) between 1 and 16),
  state text not null default 'open' check (state in ('open', 'done')),
  created_at timestamptz not null default now(),
  done_at timestamptz,
  done_by text,
  primary key (tenant_id, key),
  unique (tenant_id, id),
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade
);
call isolate_tenants('tickets');
create index tickets_open on tickets (tenant_id, urgent desc, created_at) where state = 'open';
