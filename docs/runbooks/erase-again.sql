-- Empties records of a restored hub whose erasure the audit has and the database has not (backup.md), as the tables'
-- owner, while the hub is stopped:
--   psql --set=ON_ERROR_STOP=1 --set=names='{suppliers/…,sourceRecords/…}' --file=erase-again.sql mdm
-- Their change rows stay: they are evidence and hold no value.
BEGIN;
ALTER TABLE public.revisions DISABLE TRIGGER permit_erasure;
ALTER TABLE public.record_keys DISABLE TRIGGER permit_destruction;
UPDATE public.revisions SET body = '', sealed = NULL, inputs = NULL WHERE record = ANY (:'names'::text[]);
DELETE FROM public.record_keys WHERE record = ANY (:'names'::text[]);
DELETE FROM public.match_blocks b USING public.match_nodes n
    WHERE n.source_record = ANY (:'names'::text[]) AND b.node = n.node AND b.key = ANY (n.keys);
DELETE FROM public.match_nodes WHERE source_record = ANY (:'names'::text[]);
DELETE FROM public.match_edges WHERE low = ANY (:'names'::text[]) OR high = ANY (:'names'::text[]);
DELETE FROM public.match_candidates WHERE low = ANY (:'names'::text[]) OR high = ANY (:'names'::text[]);
DELETE FROM public.match_keys WHERE source_record = ANY (:'names'::text[]);
DELETE FROM public.coded_values WHERE source_record = ANY (:'names'::text[]);
DELETE FROM public.crosswalk WHERE source_record = ANY (:'names'::text[]);
DELETE FROM public.record_index WHERE record = ANY (:'names'::text[]);
DELETE FROM public.reference_spans WHERE record = ANY (:'names'::text[]);
DELETE FROM public.presences WHERE record = ANY (:'names'::text[]);
ALTER TABLE public.revisions ENABLE TRIGGER permit_erasure;
ALTER TABLE public.record_keys ENABLE TRIGGER permit_destruction;
COMMIT;
