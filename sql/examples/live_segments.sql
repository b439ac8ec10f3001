-- The files of a table that are alive now: plain Parquet, for every other engine to read.
SELECT partition, path, rows, bytes, min_time, max_time
FROM driftline.segments
WHERE table_name = 'spans'
ORDER BY min_time
LIMIT 10;
