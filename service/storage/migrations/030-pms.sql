-- The embedded PMS: room types, their rooms, rates by season, and reservations.
create extension if not exists btree_gist;

create table room_types (
  tenant_id text not null check (length(tenant_id) between 1 and 64),
  code text not null check (code in ('single', 'double', 'twin', 'triple', 'suite', 'family')),
  max_adults int not null check (max_adults between 1 and 20),
  max_guests int not null check (max_guests between max_adults and 20),
  nightly_rate numeric(12, 2) not null check (nightly_rate >= 0),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  primary key (tenant_id, code)
);
call isolate_tenants('room_types');

create table rooms (
  tenant_id text not null,
  number text not null check (length(number) between 1 and 16),
  room_type text not null,
  primary key (tenant_id, number),
  foreign key (tenant_id, room_type) references room_types (tenant_id, code) on delete cascade
);
call isolate_tenants('rooms');
create index rooms_of_type on rooms (tenant_id, room_type);

-- Seasons come back every year; one that ends before it begins runs over the new year. The highest priority holds.
create table rates (
  tenant_id text not null,
  name text not null check (length(name) between 1 and 64),
  first_day text not null check (first_day ~ '^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$'),
  last_day text not null check (last_day ~ '^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$'),
  -- the nightly rate of the room type is multiplied by this
  factor numeric(6, 3) not null check (factor > 0),
  -- nights that begin on these days of the week (0 is Sunday); null: every day
  weekdays int[],
  min_nights int not null default 1 check (min_nights between 1 and 30),
  -- nobody may arrive then
  closed boolean not null default false,
  priority int not null default 0,
  primary key (tenant_id, name)
);
call isolate_tenants('rates');

create table reservations (
  tenant_id text not null,
  code text not null check (length(code) between 4 and 32),
  user_id text not null check (length(user_id) between 1 and 256),
  guest_name text check (length(guest_name) between 1 and 120),
  room_type text not null,
  room text not null,
  check_in date not null,
  check_out date not null check (check_out > check_in),
  adults int not null check (adults between 1 and 20),
  children int not null default 0 check (children between 0 and 20),
  status text not null check (status in ('held', 'confirmed', 'cancelled')),
  held_until timestamptz,
  total numeric(12, 2) not null check (total >= 0),
  currency text not null,
  -- made of the guest's message: a message that is handled again finds what it did before
  request_key text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, code),
  unique (tenant_id, request_key),
  foreign key (tenant_id, room_type) references room_types (tenant_id, code),
  foreign key (tenant_id, room) references rooms (tenant_id, number),
  -- One room, one guest a night. Whatever the code does, the database refuses a double booking.
  constraint one_guest_a_night exclude using gist
    (tenant_id with =, room with =, daterange(check_in, check_out) with &&) where (status <> 'cancelled')
);
call isolate_tenants('reservations');
create index reservations_of_guest on reservations (tenant_id, user_id, created_at);

-- Bookings in a hotel's own PMS that this service made, with what that PMS can't remember for us.
create table external_bookings (
  tenant_id text not null check (length(tenant_id) between 1 and 64),
  request_key text not null,
  user_id text not null,
  -- null while nobody knows whether the PMS took the booking
  external_id text,
  held_until timestamptz,
  created_at timestamptz not null default now(),
  primary key (tenant_id, request_key),
  unique (tenant_id, external_id)
);
call isolate_tenants('external_bookings');
create index external_bookings_of_guest on external_bookings (tenant_id, user_id, created_at);
