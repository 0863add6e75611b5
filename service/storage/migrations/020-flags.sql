-- Overrides of feature flags belong to no tenant. Redis is asked first; these rows fill it again when it was wiped,
-- and stand in for it while it is down. A cleared override stays as a row without value, so that its version counts.
create table flag_overrides (
  flag text primary key check (length(flag) between 1 and 256),
  value text,
  version bigint not null,
  changed_at timestamptz not null default now(),
  changed_by text not null
);

-- One row. Whoever writes an override locks it, so overrides reach Redis in the order of their versions.
create table flag_version (
  one boolean primary key default true check (one),
  version bigint not null
);
insert into flag_version (version) values (0);

-- Who changed what, when. Rows are only ever added.
create table flag_changes (
  id bigint generated always as identity primary key,
  flag text not null,
  at timestamptz not null default now(),
  changed_by text not null,
  origin text not null check (origin in ('admin', 'redis')),
  before text,
  after text,
  note text,
  version bigint not null
);
create index flag_changes_by_flag on flag_changes (flag, id desc);

grant select, insert, update on flag_overrides to gatehouse_app;
grant select, update on flag_version to gatehouse_app;
grant select, insert on flag_changes to gatehouse_app;
