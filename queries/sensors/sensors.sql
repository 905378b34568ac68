-- Another stream than cards: what each sensor measures, its latest reading, and when it was last heard of.
--
-- A topic can be queried by its own name. Temperatures are DOUBLE, whose sums depend on the order of the
-- additions in their last digits, so the average is rounded. The latest reading is that of the newest time;
-- of equal times, the later one in the log.
--
-- With TOPIC=readings. The schema is given, SCHEMA="$(cat queries/sensors/schema.ddl)", or left out: then it is
-- inferred, and celsius is a DECIMAL. queries/sensors/readings.jsonl holds some records.

SELECT sensor,
       site,
       count(celsius)                                            AS readings,
       round(avg(celsius), 2)                                    AS average,
       min(celsius)                                              AS coldest,
       max(celsius)                                              AS warmest,
       last_value(celsius ORDER BY at, _partition, _offset)      AS latest,
       max(at)                                                   AS last_heard,
       min(battery.volts)                                        AS volts,
       bool_or(battery.low)                                      AS change_battery
FROM readings
GROUP BY sensor, site
ORDER BY site, sensor
