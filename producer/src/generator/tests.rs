//! Tests the facts about the records that a seed stands for.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::*;
use crate::cards::Brand;

fn seeded(seed: u64) -> GeneratorSettings {
    GeneratorSettings {
        seed: Some(seed),
        ..GeneratorSettings::default()
    }
}

fn ratio(value: f64) -> Ratio {
    Ratio::new(value).unwrap()
}

/// Returns settings with late, shuffled and bad records at once, for facts that must hold in any mixture.
fn mixed(seed: u64) -> GeneratorSettings {
    GeneratorSettings {
        late_ratio: ratio(0.05),
        out_of_order: ratio(0.1),
        bad_ratio: ratio(0.05),
        ..seeded(seed)
    }
}

/// Returns the keys and payloads of the first `count` records, each behind its length.
fn bytes(settings: GeneratorSettings, count: usize) -> Vec<u8> {
    let mut generator = Generator::new(settings);
    let mut out = Vec::new();
    for _ in 0..count {
        let record = generator.next_record();
        for part in [record.key, record.payload] {
            out.extend_from_slice(&(part.len() as u32).to_be_bytes());
            out.extend_from_slice(part);
        }
    }
    out
}

/// Returns the 64-bit FNV-1a hash of `bytes`.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[test]
fn same_seed_gives_same_bytes() {
    assert_eq!(bytes(mixed(42), 5_000), bytes(mixed(42), 5_000));
}

#[test]
fn different_seeds_give_different_bytes() {
    assert_ne!(bytes(seeded(1), 10), bytes(seeded(2), 10));
}

#[test]
fn seed_42_starts_with_the_record_it_always_started_with() {
    let mut generator = Generator::new(seeded(42));
    let first = generator.next_record();
    assert_eq!(std::str::from_utf8(first.payload).unwrap(), FIRST_OF_42);
}

#[test]
fn seed_42_gives_the_bytes_it_always_gave() {
    assert_eq!(checksum(&bytes(seeded(42), 10_000)), PLAIN_10_000_OF_42);
    assert_eq!(checksum(&bytes(mixed(42), 10_000)), MIXED_10_000_OF_42);
}

const FIRST_OF_42: &str = r#"{"transaction_id":"ae58b759-fa71-4b92-acf9-50193b5b6c74","timestamp":"2020-01-01T00:00:00.076Z","card_number":"471336******3213","card_brand":"Visa","card_holder":"Pedro Kshlerin","amount":13.99,"currency":"CAD","merchant":"Rowe Mobility","category":"transport","city":"Toronto","country":"CA","channel":"pos","status":"approved","decline_reason":null}"#;
const PLAIN_10_000_OF_42: u64 = 9_910_316_125_434_374_370;
const MIXED_10_000_OF_42: u64 = 170534626687146516;

#[test]
fn a_payload_says_what_its_transaction_says() {
    let mut generator = Generator::new(seeded(3));
    for _ in 0..2_000 {
        let record = generator.next_record();
        let transaction = record.transaction.unwrap();
        let json: Value = serde_json::from_slice(record.payload).unwrap();
        assert_eq!(json["card_brand"], transaction.card_brand.name());
        assert_eq!(json["card_number"].as_str().unwrap().as_bytes(), record.key);
        let timestamp: DateTime<Utc> = json["timestamp"].as_str().unwrap().parse().unwrap();
        assert_eq!(timestamp, transaction.timestamp);
        let text = std::str::from_utf8(record.payload).unwrap();
        assert!(
            text.contains(&format!("\"amount\":{},", transaction.amount)),
            "{text}"
        );
    }
}

#[test]
fn records_are_about_340_bytes() {
    let total = bytes(seeded(1), 10_000).len() - 10_000 * (8 + 16);
    assert!((310..370).contains(&(total / 10_000)), "{}", total / 10_000);
}

#[test]
fn only_masked_numbers_leave() {
    let mut generator = Generator::new(mixed(5));
    for _ in 0..5_000 {
        let record = generator.next_record();
        let longest = [record.key, record.payload]
            .into_iter()
            .flat_map(|bytes| bytes.split(|byte| !byte.is_ascii_digit()))
            .map(<[u8]>::len)
            .max();
        // At most twelve digits can follow each other in a transaction's id.
        assert!(longest <= Some(12), "{record:?}");
    }
}

#[test]
fn brand_shares_are_near_their_targets() {
    let mut generator = Generator::new(seeded(1));
    let mut seen: HashMap<Brand, u32> = HashMap::new();
    for _ in 0..50_000 {
        let record = generator.next_record();
        if !record.suspicious {
            *seen
                .entry(record.transaction.unwrap().card_brand)
                .or_default() += 1;
        }
    }
    let total: u32 = seen.values().sum();
    for brand in Brand::ALL {
        let share = f64::from(seen[&brand]) / f64::from(total) * 1000.0;
        let off = (share - f64::from(brand.share_per_mille())).abs();
        assert!(
            off < 10.0,
            "{brand:?}: {share} of {}",
            brand.share_per_mille()
        );
    }
}

#[test]
fn bursts_end_with_a_pause_and_stay_within_their_bounds() {
    let mut generator = Generator::new(seeded(1));
    let mut size = 0;
    for _ in 0..10_000 {
        size += 1;
        if generator.next_record().pause.is_some() {
            assert!((8..=20).contains(&size), "{size}");
            size = 0;
        }
    }
}

#[test]
fn simulated_time_starts_where_told_and_advances_by_the_pauses() {
    let mut generator = Generator::new(seeded(1));
    let mut previous: Option<(DateTime<Utc>, Duration)> = None;
    for _ in 0..1_000 {
        let record = generator.next_record();
        let now = record.transaction.unwrap().timestamp;
        match previous {
            None => assert!(now - default_event_time_start() < chrono::TimeDelta::seconds(2)),
            Some((before, pause)) => {
                assert!(now - before >= chrono::TimeDelta::from_std(pause).unwrap())
            }
        }
        previous = Some((now, record.pause.unwrap_or_default()));
    }
}

#[test]
fn without_a_seed_event_time_is_the_clock_and_never_goes_back() {
    let before = Utc::now();
    let mut generator = Generator::new(GeneratorSettings::default());
    let mut last = before - chrono::TimeDelta::milliseconds(SPREAD_MS + 1);
    for _ in 0..1_000 {
        let now = generator.next_record().transaction.unwrap().timestamp;
        assert!(now >= last && now <= Utc::now());
        last = now;
    }
}

/// Returns the fraction of 20,000 records for which `fact` holds.
fn fraction(settings: GeneratorSettings, mut fact: impl FnMut(&Record<'_>) -> bool) -> f64 {
    let mut generator = Generator::new(settings);
    let held = (0..20_000)
        .filter(|_| fact(&generator.next_record()))
        .count();
    held as f64 / 20_000.0
}

#[test]
fn late_ratio_is_obeyed_and_only_late_records_lie_far_back() {
    let settings = GeneratorSettings {
        late_ratio: ratio(0.1),
        ..seeded(1)
    };
    let mut newest = DateTime::UNIX_EPOCH;
    let late = fraction(settings, |record| {
        let at = record.transaction.unwrap().timestamp;
        let far_back = at < newest - chrono::TimeDelta::seconds(50);
        assert!(record.late || !far_back);
        newest = newest.max(at);
        record.late
    });
    assert!((0.09..0.11).contains(&late), "{late}");
}

#[test]
fn out_of_order_ratio_is_obeyed_within_two_seconds() {
    let settings = GeneratorSettings {
        out_of_order: ratio(0.1),
        ..seeded(1)
    };
    let mut newest = DateTime::UNIX_EPOCH;
    let shuffled = fraction(settings, |record| {
        let at = record.transaction.unwrap().timestamp;
        assert!(at + chrono::TimeDelta::milliseconds(SPREAD_MS) > newest);
        let behind = at < newest;
        newest = newest.max(at);
        behind
    });
    assert!((0.08..0.11).contains(&shuffled), "{shuffled}");
}

#[test]
fn without_ratios_nothing_is_late_shuffled_or_bad() {
    let mut newest = DateTime::UNIX_EPOCH;
    let odd = fraction(seeded(1), |record| {
        let at = record.transaction.unwrap().timestamp;
        let behind = at < newest;
        newest = at;
        behind || record.late || record.damage.is_some()
    });
    assert_eq!(odd, 0.0);
}

#[test]
fn bad_ratio_is_obeyed_with_all_kinds_of_damage() {
    let settings = GeneratorSettings {
        bad_ratio: ratio(0.1),
        ..seeded(1)
    };
    let mut kinds: HashMap<Damage, u32> = HashMap::new();
    let bad = fraction(settings, |record| {
        record
            .damage
            .map(|damage| *kinds.entry(damage).or_default() += 1)
            .is_some()
    });
    assert!((0.09..0.11).contains(&bad), "{bad}");
    assert_eq!(kinds.len(), Damage::ALL.len());
}

#[test]
fn a_suspicious_run_is_many_small_payments_on_one_card_within_seconds() {
    let mut generator = Generator::new(seeded(1));
    let mut runs: BTreeMap<u32, Vec<(String, i64, DateTime<Utc>)>> = BTreeMap::new();
    let mut burst = 0;
    for _ in 0..5_000 {
        let record = generator.next_record();
        let transaction = record.transaction.unwrap();
        if record.suspicious {
            runs.entry(burst).or_default().push((
                transaction.card_number.to_owned(),
                transaction.amount.get(),
                transaction.timestamp,
            ));
        }
        burst += u32::from(record.pause.is_some());
    }
    assert!((10..60).contains(&runs.len()), "{} runs", runs.len());
    for run in runs.values() {
        assert!(run.len() >= 6);
        assert!(
            run.iter()
                .all(|payment| payment.0 == run[0].0 && payment.1 < 500)
        );
        assert!(run[run.len() - 1].2 - run[0].2 < chrono::TimeDelta::seconds(2));
    }
}

#[test]
fn time_stops_before_the_year_10000() {
    let mut generator = Generator::new(GeneratorSettings {
        event_time_start: "9999-12-31T00:00:00Z".parse().unwrap(),
        ..seeded(1)
    });
    for _ in 0..100_000 {
        let year = generator
            .next_record()
            .transaction
            .unwrap()
            .timestamp
            .to_rfc3339();
        assert!(year.starts_with("9999"), "{year}");
    }
}
