//! The chain holds under many writers and tells what was changed; intervals are those of the books.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::rollout::ratio;
use super::{Arms, Event, Ledger, Note};
use crate::bundle::names;
use crate::exporter::Store;
use crate::model::Timestamp;

fn note(incident: &str) -> Note {
    Note { event: Event::Merged, incident: incident.to_owned(), bundle: None, details: BTreeMap::new() }
}

#[tokio::test]
async fn writers_at_the_same_time_make_one_chain() {
    let ledger = Ledger::new(Store::in_memory());
    let writers = (0..20).map(|number| {
        let ledger = ledger.clone();
        tokio::spawn(
            async move { ledger.append(&note(&format!("INC-{number}")), Timestamp(1), None).await.unwrap().number },
        )
    });
    let mut numbers: Vec<u64> = futures::future::join_all(writers).await.into_iter().map(Result::unwrap).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
    let report = ledger.verify(None, None).await.unwrap();
    assert_eq!((report.entries, report.faults), (20, Vec::new()));
}

#[tokio::test]
async fn what_was_changed_taken_out_or_cut_off_is_named() {
    let store = Store::in_memory();
    let ledger = Ledger::new(store.clone());
    for number in 0..4 {
        ledger.append(&note(&format!("INC-{number}")), Timestamp(1), None).await.unwrap();
    }
    let head = ledger.verify(None, None).await.unwrap().head.unwrap();
    let named = async |head: Option<&str>| -> Vec<String> {
        ledger.verify(None, head).await.unwrap().faults.into_iter().map(|fault| fault.name).collect()
    };
    let second = store.get(&names::audit(2)).await.unwrap().unwrap();
    let third = store.get(&names::audit(3)).await.unwrap().unwrap();

    store
        .replace(
            &names::audit(2),
            Bytes::from(String::from_utf8_lossy(&second).replace("payloadType\":", "payloadType\": ")),
        )
        .await
        .unwrap();
    assert_eq!(named(None).await, [names::audit(2)], "one byte");
    store.replace(&names::audit(2), third.clone()).await.unwrap();
    assert!(named(None).await.contains(&names::audit(2)), "another entry in its place");
    store.remove(&[names::audit(2)]).await.unwrap();
    assert_eq!(named(None).await, [names::audit(2)], "none in its place");
    store.replace(&names::audit(2), second).await.unwrap();
    assert_eq!(named(Some(&head)).await, [""; 0]);
    store.remove(&[names::audit(4)]).await.unwrap();
    assert_eq!(named(None).await, [""; 0], "without a head nobody can tell");
    assert_eq!(named(Some(&head)).await, [names::audit(4)]);
    store.replace("audit/notes.txt", Bytes::from_static(b"x")).await.unwrap();
    assert_eq!(named(None).await, ["audit/notes.txt"]);
}

#[test]
fn an_incident_keeps_its_arm_and_arms_are_of_like_size() {
    let arms = Arms { experiment: "agents".to_owned(), names: vec!["a".to_owned(), "b".to_owned()] };
    let in_a = (0..1000).filter(|number| arms.of(&format!("INC-{number}")) == "a").count();
    assert!((450..550).contains(&in_a), "{in_a}");
    assert_eq!(arms.of("INC-1"), arms.clone().of("INC-1"));
    let other = Arms { experiment: "prompts".to_owned(), ..arms.clone() };
    assert!((0..100).any(|number| arms.of(&format!("INC-{number}")) != other.of(&format!("INC-{number}"))));
}

#[test]
fn the_interval_of_two_rates_is_that_of_the_exact_test() {
    // R: poisson.test(c(2, 20), c(10, 10)) gives 0.1 and the interval 0.01131 to 0.41038.
    let (found, (low, high)) = ratio((20, 10.0), (2, 10.0), 0.95);
    let near = |a: f64, b: f64| (a - b).abs() < 2e-3;
    assert!(near(found.unwrap(), 0.1) && near(low, 0.0113) && near(high.unwrap(), 0.4104), "{low} {high:?}");
    // Nothing in 0 of 10 hours after 20 in 10: the upper end is F-based, 1 - 0.025^(1/20) as odds.
    let (_, (low, high)) = ratio((20, 10.0), (0, 10.0), 0.95);
    let p = 1.0 - 0.025_f64.powf(1.0 / 20.0);
    assert!(low == 0.0 && near(high.unwrap(), p / (1.0 - p)), "{high:?}");
    assert_eq!(ratio((0, 10.0), (3, 10.0), 0.95).0, None);
}
