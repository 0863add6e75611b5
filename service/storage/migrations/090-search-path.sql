-- phase: expand
-- Functions that run with their owner's rights find what they name in the catalogue and in this schema. What a session makes in its
-- schema for temporary tables comes last: where pg_temp isn't listed, it comes first, and a caller could put a table of its own there.
do $$
declare
  definer regprocedure;
begin
  for definer in select oid from pg_proc where pronamespace = 'public'::regnamespace and prosecdef loop
    execute format('alter function %s set search_path = pg_catalog, public, pg_temp', definer);
  end loop;
end $$;
