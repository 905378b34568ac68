"""Holds the parts of `bench/run`: brokers, records, right answers, measured processes and the report."""
