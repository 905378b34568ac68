"""What `bench/run` is made of: brokers, records, right answers, measured processes, a report."""
