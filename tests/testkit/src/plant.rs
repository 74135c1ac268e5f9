//! Owns the planted lie: bytes that the truth file claims and no counter ever showed, to see that the checker
//! finds them.

use serde_json::{Value, json};

/// Adds `bytes` to what a truth document says was received: in all, and by the card inside, at home.
pub fn plant(document: &mut Value, bytes: u64) {
    let current = document.get("iccid").cloned().unwrap_or_default();
    let cards = document.get("sims").and_then(Value::as_array);
    let card = cards.and_then(|cards| {
        cards
            .iter()
            .position(|card| card.get("iccid") == Some(&current))
    });
    let mut places = vec!["/total/rx_bytes".to_owned(), "/planted_bytes".to_owned()];
    if let Some(card) = card {
        places.push(format!("/sims/{card}/total/rx_bytes"));
        places.push(format!("/sims/{card}/home/rx_bytes"));
    }
    for place in places {
        if let Some(value) = document.pointer_mut(&place) {
            *value = json!(value.as_u64().unwrap_or(0).saturating_add(bytes));
        }
    }
}
