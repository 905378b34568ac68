//! Tests of when large layers of a state are merged.

use super::*;

#[test]
fn large_merges_wait_until_a_batch_is_done_and_nothing_else_is_to_do() {
    let mut bench = Bench::new(BY_BRAND, 0, None, false);
    for (brands, kept, compacted) in [
        (0..30_000, 30_000, None),
        (10_000..40_000, 60_000, Some(40_000)),
        (0..1, 40_001, None),
    ] {
        for i in brands {
            assert!(bench.record(&format!(r#"{{"brand":"b{i}"}}"#)));
        }
        let (batches, _) = bench.trigger();
        let part = &batches[0];
        let Output::State(state, _) = &part.output else {
            panic!("rows");
        };
        assert_eq!(state.groups(), kept);
        // The batch that was handed over is not a checkpoint yet, so there is no state to replace.
        bench.step(WorkerEvent::Idle);
        assert!(bench.compacted().is_none());
        let checkpoint = Checkpoint {
            next: part.end,
            state: state.clone(),
        };
        let (partition, epoch) = (bench.partition.clone(), bench.epoch);
        let checkpoints = bench.checkpoints.clone();
        assert!(checkpoints.advance(&partition, epoch, part.start, checkpoint));
        bench.step(WorkerEvent::Proceed);
        bench.step(WorkerEvent::Idle);
        let answer = bench.compacted();
        let groups = answer.as_ref().map(|checkpoint| checkpoint.state.groups());
        assert_eq!(groups, compacted);
        if let Some(checkpoint) = answer {
            assert!(checkpoints.advance(&partition, epoch, part.end, checkpoint));
        }
        bench.step(WorkerEvent::Idle);
        assert!(bench.compacted().is_none());
    }
}

#[test]
fn large_merges_do_not_wait_where_memory_is_scarce() {
    for (limit, kept) in [(10_000_000, 30_000), (1_000_000_000, 40_000)] {
        let (mut bench, _memory) = Bench::within(limit);
        let mut groups = 0;
        for brands in [0..20_000, 10_000..30_000] {
            for i in brands {
                assert!(bench.record(&format!(r#"{{"brand":"b{i}"}}"#)));
            }
            let (batches, _) = bench.trigger();
            let Output::State(state, _) = &batches[0].output else {
                panic!("rows");
            };
            groups = state.groups();
            bench.step(WorkerEvent::Proceed);
        }
        assert_eq!(groups, kept, "{limit}");
    }
}
