-- The schema after all migrations, to read. It is generated: change it by a new file in migrations/, then npm run schema.
-- Every table with "tenant_id" has the policy tenant_isolation (001-conversations.sql) beside those that are listed.

create table audit_log (
  tenant_id text not null,
  id bigint not null generated always as identity,
  at timestamp with time zone not null default clock_timestamp(),
  actor text not null,
  action text not null,
  subject text not null,
  before jsonb,
  after jsonb,
  request_id text,
  PRIMARY KEY (tenant_id, id),
  CHECK (((length(action) >= 1) AND (length(action) <= 64))),
  CHECK (((length(actor) >= 1) AND (length(actor) <= 256))),
  CHECK (((length(subject) >= 1) AND (length(subject) <= 256))),
  CHECK (((length(tenant_id) >= 1) AND (length(tenant_id) <= 64)))
);
grant insert, select to gatehouse_app;

create table conversations (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  channel text not null,
  user_id text not null,
  language text,
  state jsonb not null default '{}'::jsonb,
  handed_over boolean not null default false,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  last_received bigint not null default 0,
  waiting_since timestamp with time zone,
  lease_owner text,
  lease_until timestamp with time zone,
  lease_token bigint not null default 0,
  waits_for_person_since timestamp with time zone,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, channel, user_id),
  FOREIGN KEY (tenant_id) REFERENCES tenants(id) ON DELETE CASCADE,
  CHECK (((length(channel) >= 1) AND (length(channel) <= 32))),
  CHECK ((language = ANY (ARRAY['es'::text, 'en'::text, 'pt'::text]))),
  CHECK (((length(tenant_id) >= 1) AND (length(tenant_id) <= 64))),
  CHECK (((length(user_id) >= 1) AND (length(user_id) <= 256)))
);
CREATE INDEX conversations_by_id ON public.conversations USING btree (id);
CREATE INDEX conversations_of_guest ON public.conversations USING btree (user_id);
CREATE INDEX conversations_waiting_for_person ON public.conversations USING btree (waits_for_person_since) WHERE (waits_for_person_since IS NOT NULL);
CREATE INDEX conversations_waiting_of_tenant ON public.conversations USING btree (tenant_id, waiting_since) WHERE (waiting_since IS NOT NULL);
policy dispatch for all to gatehouse_dispatcher using true with check true;
policy find_guest for select to gatehouse_finder using true;
grant delete, insert, select, update to gatehouse_app;
grant select (tenant_id, id, waiting_since, lease_owner, lease_until, lease_token, waits_for_person_since), update (lease_owner, lease_until, lease_token) to gatehouse_dispatcher;
grant select (tenant_id, id, user_id) to gatehouse_finder;

create table dispatch_turns (
  turn integer not null,
  last_tenant text not null default ''::text,
  PRIMARY KEY (turn)
);
grant select (turn, last_tenant), update (last_tenant) to gatehouse_dispatcher;

create table external_bookings (
  tenant_id text not null,
  request_key text not null,
  user_id text not null,
  external_id text,
  held_until timestamp with time zone,
  created_at timestamp with time zone not null default now(),
  code text,
  room_type text,
  check_in date,
  check_out date,
  adults integer,
  children integer,
  guest_name text,
  total numeric(12,2),
  currency text,
  booking_since timestamp with time zone,
  lease_until timestamp with time zone,
  booked_at timestamp with time zone,
  cancelled_at timestamp with time zone,
  PRIMARY KEY (tenant_id, request_key),
  UNIQUE (tenant_id, external_id),
  CHECK (((length(tenant_id) >= 1) AND (length(tenant_id) <= 64)))
);
CREATE UNIQUE INDEX external_bookings_by_code ON public.external_bookings USING btree (tenant_id, code);
CREATE INDEX external_bookings_held ON public.external_bookings USING btree (tenant_id, room_type, check_in) WHERE (cancelled_at IS NULL);
CREATE INDEX external_bookings_of_guest ON public.external_bookings USING btree (tenant_id, user_id, created_at);
grant delete, insert, select, update to gatehouse_app;

create table flag_changes (
  id bigint not null generated always as identity,
  flag text not null,
  at timestamp with time zone not null default now(),
  changed_by text not null,
  origin text not null,
  before text,
  after text,
  note text,
  version bigint not null,
  PRIMARY KEY (id),
  CHECK ((origin = ANY (ARRAY['admin'::text, 'redis'::text])))
);
CREATE INDEX flag_changes_by_flag ON public.flag_changes USING btree (flag, id DESC);
grant insert, select to gatehouse_app;

create table flag_overrides (
  flag text not null,
  value text,
  version bigint not null,
  changed_at timestamp with time zone not null default now(),
  changed_by text not null,
  PRIMARY KEY (flag),
  CHECK (((length(flag) >= 1) AND (length(flag) <= 256)))
);
grant insert, select, update to gatehouse_app;

create table flag_version (
  one boolean not null default true,
  version bigint not null,
  PRIMARY KEY (one),
  CHECK (one)
);
grant select, update to gatehouse_app;

create table inbox (
  tenant_id text not null,
  channel text not null,
  message_id text not null,
  conversation_id uuid not null,
  sequence bigint not null,
  payload jsonb not null,
  received_at timestamp with time zone not null default now(),
  state text not null default 'waiting'::text,
  attempts integer not null default 0,
  error text,
  done_at timestamp with time zone,
  PRIMARY KEY (tenant_id, channel, message_id),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations(tenant_id, id) ON DELETE CASCADE,
  CHECK (((length(message_id) >= 1) AND (length(message_id) <= 256))),
  CHECK ((state = ANY (ARRAY['waiting'::text, 'done'::text, 'failed'::text])))
);
CREATE INDEX inbox_waiting ON public.inbox USING btree (tenant_id, conversation_id, sequence) WHERE (state = 'waiting'::text);
grant delete, insert, select, update to gatehouse_app;

create table messages (
  tenant_id text not null,
  conversation_id uuid not null,
  id bigint not null generated always as identity,
  direction text not null,
  message_id text,
  in_reply_to text,
  text text not null,
  content jsonb not null default '{}'::jsonb,
  intent text,
  confidence double precision,
  band text,
  status text not null,
  at timestamp with time zone not null default now(),
  PRIMARY KEY (tenant_id, conversation_id, id),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations(tenant_id, id) ON DELETE CASCADE,
  CHECK ((band = ANY (ARRAY['high'::text, 'medium'::text, 'low'::text]))),
  CHECK ((direction = ANY (ARRAY['in'::text, 'out'::text])))
);
CREATE INDEX messages_replies ON public.messages USING btree (tenant_id, conversation_id, in_reply_to) WHERE (direction = 'out'::text);
grant delete, insert, select, update to gatehouse_app;

create table notices (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  subject text not null,
  step smallint not null default 0,
  ticket_key text not null,
  state text not null default 'pending'::text,
  attempts integer not null default 0,
  next_attempt_at timestamp with time zone not null default (now() + '00:00:05'::interval),
  lease_until timestamp with time zone,
  acknowledged_at timestamp with time zone,
  acknowledged_by text,
  escalate_at timestamp with time zone,
  error text,
  created_at timestamp with time zone not null default now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, subject, step),
  FOREIGN KEY (tenant_id, ticket_key) REFERENCES tickets(tenant_id, key) ON DELETE CASCADE,
  CHECK ((state = ANY (ARRAY['pending'::text, 'acknowledged'::text, 'failed'::text]))),
  CHECK (((length(subject) >= 1) AND (length(subject) <= 420))),
  CHECK (((length(tenant_id) >= 1) AND (length(tenant_id) <= 64)))
);
CREATE INDEX notices_due ON public.notices USING btree (next_attempt_at) WHERE (state = 'pending'::text);
CREATE INDEX notices_of_ticket ON public.notices USING btree (tenant_id, ticket_key);
CREATE INDEX notices_to_escalate ON public.notices USING btree (escalate_at) WHERE (escalate_at IS NOT NULL);
policy dispatch for all to gatehouse_dispatcher using true with check true;
grant delete, insert, select, update to gatehouse_app;
grant select (tenant_id, id, state, next_attempt_at, lease_until, escalate_at, created_at), update (lease_until) to gatehouse_dispatcher;

create table outbox (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  conversation_id uuid not null,
  message bigint not null,
  channel text not null,
  user_id text not null,
  payload jsonb not null,
  state text not null,
  attempts integer not null default 0,
  next_attempt_at timestamp with time zone not null default now(),
  provider_id text,
  error text,
  created_at timestamp with time zone not null default now(),
  sent_at timestamp with time zone,
  lease_owner text,
  lease_until timestamp with time zone,
  lease_token bigint not null default 0,
  parts_done integer not null default 0,
  replays integer not null default 0,
  sent_from text not null default ''::text,
  by_person boolean not null default false,
  pending_since timestamp with time zone not null default now(),
  expires_at timestamp with time zone,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations(tenant_id, id) ON DELETE CASCADE,
  CHECK ((length(sent_from) <= 256)),
  CHECK ((state = ANY (ARRAY['available'::text, 'pending'::text, 'sent'::text, 'dead'::text])))
);
CREATE INDEX outbox_dead ON public.outbox USING btree (created_at) WHERE (state = 'dead'::text);
CREATE INDEX outbox_lines ON public.outbox USING btree (channel, (((tenant_id || ' '::text) || sent_from)), next_attempt_at) WHERE (state = 'pending'::text);
CREATE INDEX outbox_order ON public.outbox USING btree (tenant_id, conversation_id, message) WHERE (state = 'pending'::text);
CREATE INDEX outbox_provider ON public.outbox USING btree (tenant_id, provider_id) WHERE (provider_id IS NOT NULL);
policy dispatch for all to gatehouse_dispatcher using true with check true;
CREATE TRIGGER announce_web_reply AFTER INSERT ON public.outbox FOR EACH ROW WHEN ((new.channel = 'web'::text)) EXECUTE FUNCTION announce_web_reply();
grant delete, insert, select, update to gatehouse_app;
grant select (tenant_id, id, conversation_id, message, channel, state, attempts, next_attempt_at, created_at, lease_owner, lease_until, lease_token, sent_from, by_person, pending_since), update (lease_owner, lease_until, lease_token) to gatehouse_dispatcher;

create table rates (
  tenant_id text not null,
  name text not null,
  first_day text not null,
  last_day text not null,
  factor numeric(6,3) not null,
  weekdays integer[],
  min_nights integer not null default 1,
  closed boolean not null default false,
  priority integer not null default 0,
  PRIMARY KEY (tenant_id, name),
  CHECK ((factor > (0)::numeric)),
  CHECK ((first_day ~ '^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$'::text)),
  CHECK ((last_day ~ '^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$'::text)),
  CHECK (((min_nights >= 1) AND (min_nights <= 30))),
  CHECK (((length(name) >= 1) AND (length(name) <= 64)))
);
grant delete, insert, select, update to gatehouse_app;

create table reservations (
  tenant_id text not null,
  code text not null,
  user_id text not null,
  guest_name text,
  room_type text not null,
  room text not null,
  check_in date not null,
  check_out date not null,
  adults integer not null,
  children integer not null default 0,
  status text not null,
  held_until timestamp with time zone,
  total numeric(12,2) not null,
  currency text not null,
  request_key text not null,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  PRIMARY KEY (tenant_id, code),
  UNIQUE (tenant_id, request_key),
  FOREIGN KEY (tenant_id, room) REFERENCES rooms(tenant_id, number),
  FOREIGN KEY (tenant_id, room_type) REFERENCES room_types(tenant_id, code),
  CHECK (((adults >= 1) AND (adults <= 20))),
  CHECK ((check_out > check_in)),
  CHECK (((children >= 0) AND (children <= 20))),
  CHECK (((length(code) >= 4) AND (length(code) <= 32))),
  CHECK (((length(guest_name) >= 1) AND (length(guest_name) <= 120))),
  CHECK ((status = ANY (ARRAY['held'::text, 'confirmed'::text, 'cancelled'::text]))),
  CHECK ((total >= (0)::numeric)),
  CHECK (((length(user_id) >= 1) AND (length(user_id) <= 256))),
  EXCLUDE USING gist (tenant_id WITH =, room WITH =, daterange(check_in, check_out) WITH &&) WHERE ((status <> 'cancelled'::text))
);
CREATE INDEX reservations_by_guest ON public.reservations USING btree (user_id);
CREATE INDEX reservations_of_guest ON public.reservations USING btree (tenant_id, user_id, created_at);
policy find_guest for select to gatehouse_finder using true;
grant delete, insert, select, update to gatehouse_app;
grant select (tenant_id, user_id) to gatehouse_finder;

create table revoked_tokens (
  id bigint not null generated always as identity,
  jti text,
  subject text,
  issued_before timestamp with time zone,
  revoked_by text not null,
  revoked_at timestamp with time zone not null default now(),
  PRIMARY KEY (id),
  CHECK ((((jti IS NULL) <> (subject IS NULL)) AND ((subject IS NULL) = (issued_before IS NULL)))),
  CHECK (((length(jti) >= 1) AND (length(jti) <= 256))),
  CHECK (((length(revoked_by) >= 1) AND (length(revoked_by) <= 256))),
  CHECK (((length(subject) >= 1) AND (length(subject) <= 256)))
);
grant insert, select to gatehouse_app;

create table room_types (
  tenant_id text not null,
  code text not null,
  max_adults integer not null,
  max_guests integer not null,
  nightly_rate numeric(12,2) not null,
  currency text not null,
  PRIMARY KEY (tenant_id, code),
  CHECK (((max_guests >= max_adults) AND (max_guests <= 20))),
  CHECK ((code = ANY (ARRAY['single'::text, 'double'::text, 'twin'::text, 'triple'::text, 'suite'::text, 'family'::text]))),
  CHECK ((currency ~ '^[A-Z]{3}$'::text)),
  CHECK (((max_adults >= 1) AND (max_adults <= 20))),
  CHECK ((nightly_rate >= (0)::numeric)),
  CHECK (((length(tenant_id) >= 1) AND (length(tenant_id) <= 64)))
);
grant delete, insert, select, update to gatehouse_app;

create table rooms (
  tenant_id text not null,
  number text not null,
  room_type text not null,
  PRIMARY KEY (tenant_id, number),
  FOREIGN KEY (tenant_id, room_type) REFERENCES room_types(tenant_id, code) ON DELETE CASCADE,
  CHECK (((length(number) >= 1) AND (length(number) <= 16)))
);
CREATE INDEX rooms_of_type ON public.rooms USING btree (tenant_id, room_type);
grant delete, insert, select, update to gatehouse_app;

create table schema_migrations (
  version text not null,
  name text not null,
  checksum text not null,
  applied_at timestamp with time zone not null default now(),
  phase text,
  PRIMARY KEY (version)
);
grant select to gatehouse_app;

create table tenant_deletions (
  id text not null,
  change bigint not null,
  PRIMARY KEY (id)
);
CREATE INDEX tenant_deletions_change ON public.tenant_deletions USING btree (change);
grant insert, select, update to gatehouse_app;

create table tenant_map (
  only_row boolean not null default true,
  identity uuid not null default gen_random_uuid(),
  change bigint not null,
  PRIMARY KEY (only_row),
  CHECK (only_row)
);
grant select, update to gatehouse_app;

create table tenants (
  id text not null,
  name text not null,
  pattern text,
  active boolean not null default true,
  priority integer not null default 0,
  time_zone text not null default 'UTC'::text,
  languages text[] not null default '{es,en,pt}'::text[],
  business_hours jsonb,
  whatsapp_phone_number_id text,
  limits jsonb not null default '{}'::jsonb,
  pms jsonb not null default '{}'::jsonb,
  settings jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  version bigint not null default 1,
  change bigint not null,
  email_address text,
  PRIMARY KEY (id),
  UNIQUE (email_address),
  UNIQUE (whatsapp_phone_number_id),
  CHECK ((jsonb_typeof(business_hours) = 'array'::text)),
  CHECK (((id <> 'default'::text) OR (active AND (pattern IS NULL)))),
  CHECK ((((length(email_address) >= 3) AND (length(email_address) <= 254)) AND (email_address ~ '^[^\s<>@,;:"]+@[^\s<>@,;:"]+$'::text) AND (email_address = lower(email_address)))),
  CHECK ((id ~ '^[a-z0-9][a-z0-9_-]{0,63}$'::text)),
  CHECK ((((cardinality(languages) >= 1) AND (cardinality(languages) <= 3)) AND (languages <@ ARRAY['es'::text, 'en'::text, 'pt'::text]))),
  CHECK ((jsonb_typeof(limits) = 'object'::text)),
  CHECK (((length(name) >= 1) AND (length(name) <= 200))),
  CHECK (((length(pattern) >= 1) AND (length(pattern) <= 200))),
  CHECK ((jsonb_typeof(pms) = 'object'::text)),
  CHECK (((priority >= '-1000000'::integer) AND (priority <= 1000000))),
  CHECK (((jsonb_typeof(settings) = 'object'::text) AND (length((settings)::text) <= 32768))),
  CHECK ((('2000-01-01 00:00:00+00'::timestamp with time zone AT TIME ZONE time_zone) IS NOT NULL)),
  CHECK ((whatsapp_phone_number_id ~ '^[0-9]{1,32}$'::text))
);
CREATE INDEX tenants_change ON public.tenants USING btree (change);
CREATE TRIGGER number_change BEFORE INSERT OR DELETE OR UPDATE ON public.tenants FOR EACH STATEMENT EXECUTE FUNCTION number_tenant_change();
CREATE TRIGGER stamp BEFORE INSERT OR DELETE OR UPDATE ON public.tenants FOR EACH ROW EXECUTE FUNCTION stamp_tenant();
grant delete, insert, select, update to gatehouse_app;

create table tickets (
  tenant_id text not null,
  key text not null,
  id uuid not null default gen_random_uuid(),
  conversation_id uuid not null,
  channel text not null,
  user_id text not null,
  kind text not null,
  urgent boolean not null default false,
  text text not null,
  room text,
  state text not null default 'open'::text,
  created_at timestamp with time zone not null default now(),
  done_at timestamp with time zone,
  done_by text,
  PRIMARY KEY (tenant_id, key),
  UNIQUE (tenant_id, id),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations(tenant_id, id) ON DELETE CASCADE,
  CHECK (((length(key) >= 1) AND (length(key) <= 400))),
  CHECK ((kind = ANY (ARRAY['handover'::text, 'service'::text, 'issue'::text, 'late_checkout'::text, 'booking'::text, 'question'::text, 'emergency'::text, 'data'::text, 'failed'::text, 'undelivered'::text]))),
  CHECK (((length(room) >= 1) AND (length(room) <= 16))),
  CHECK ((state = ANY (ARRAY['open'::text, 'done'::text]))),
  CHECK (((length(tenant_id) >= 1) AND (length(tenant_id) <= 64)))
);
CREATE INDEX tickets_open ON public.tickets USING btree (tenant_id, urgent DESC, created_at) WHERE (state = 'open'::text);
policy dispatch for select to gatehouse_dispatcher using true;
CREATE TRIGGER announce_ticket AFTER INSERT OR UPDATE OF room ON public.tickets FOR EACH ROW EXECUTE FUNCTION announce_ticket();
grant delete, insert, select, update to gatehouse_app;
grant select (tenant_id, urgent, state) to gatehouse_dispatcher;

function announce_ticket() returns trigger set search_path=public, pg_temp;
function announce_web_reply() returns trigger;
function claim_conversations(text,integer,integer) returns TABLE(tenant_id text, conversation_id uuid, lease_token bigint, interrupted boolean) security definer of gatehouse_dispatcher set search_path=pg_catalog, public, pg_temp;
function claim_conversations(text,integer,integer,text[],integer) returns TABLE(tenant_id text, conversation_id uuid, lease_token bigint, interrupted boolean) security definer of gatehouse_dispatcher set search_path=pg_catalog, public, pg_temp;
function claim_notices(integer,integer) returns TABLE(tenant_id text, id uuid, state text) security definer of gatehouse_dispatcher set search_path=pg_catalog, public, pg_temp;
function claim_outbox(text,text,integer,integer) returns TABLE(tenant_id text, id uuid, lease_token bigint, interrupted boolean) security definer of gatehouse_dispatcher set search_path=pg_catalog, public, pg_temp;
function claim_outbox(text,text,integer,integer,text[],integer,text) returns TABLE(tenant_id text, id uuid, lease_token bigint, interrupted boolean, line text) security definer of gatehouse_dispatcher set search_path=pg_catalog, public, pg_temp;
function current_tenant() returns text;
function dead_letters(uuid,text,timestamp with time zone,integer) returns TABLE(tenant_id text, id uuid) security definer of gatehouse_dispatcher set search_path=pg_catalog, public, pg_temp;
function erase_tenant() returns void set search_path=public, pg_temp;
function isolate_tenants(regclass);
function number_tenant_change() returns trigger;
function oldest_snapshot_age() returns double precision security definer of gatehouse_observer set search_path=pg_catalog, public, pg_temp;
function stamp_tenant() returns trigger;
function tenant_of_conversation(uuid) returns TABLE(tenant_id text) security definer of gatehouse_finder set search_path=pg_catalog, public, pg_temp;
function tenants_of_guest(text) returns TABLE(tenant_id text) security definer of gatehouse_finder set search_path=pg_catalog, public, pg_temp;
function waiting_conversations() returns record security definer of gatehouse_dispatcher set search_path=pg_catalog, public, pg_temp;
function waiting_notices() returns record security definer of gatehouse_dispatcher set search_path=pg_catalog, public, pg_temp;
function waiting_work() returns record security definer of gatehouse_dispatcher set search_path=pg_catalog, public, pg_temp;
