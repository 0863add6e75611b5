-- A hold of a hotel's own PMS lives here until the guest's yes: nothing is booked there before, so nobody who only looked leaves an
-- order, and no mail is sent. States of a row:
--   held      external_id is null, booking_since is null: kept until held_until
--   booking   booking_since is set, external_id is null: a booking was sent, and nobody knows yet whether the PMS took it
--   booked    external_id is set, held_until is null
--   cancelled cancelled_at is set
alter table external_bookings
  add column code text,
  add column room_type text,
  add column check_in date,
  add column check_out date,
  add column adults int,
  add column children int,
  add column guest_name text,
  add column total numeric(12, 2),
  add column currency text,
  add column booking_since timestamptz,
  -- one process at a time sends the booking
  add column lease_until timestamptz,
  add column booked_at timestamptz,
  add column cancelled_at timestamptz;
update external_bookings set code = 'Q' || external_id where external_id is not null;
create unique index external_bookings_by_code on external_bookings (tenant_id, code);
create index external_bookings_held on external_bookings (tenant_id, room_type, check_in) where cancelled_at is null;
