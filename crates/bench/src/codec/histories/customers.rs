//! Customers: each change writes the whole record again, with one or two fields changed.
//!
//! Every fifth fact is a new customer, so each has five versions in the mean; the others change one of the 1,000 newest. Notes
//! are one to four English definitions of the shipped set, other words are its words; names, addresses and numbers are made
//! of them. Changes come every 8 seconds in the mean, exponentially.

use annals_streams::Fact;

use super::super::dice::Dice;
use super::super::words;
use super::{BEGIN, Drawn};
use crate::outcome::Outcome;

const ACTIVE: usize = 1_000;
const CITIES: [&str; 12] = [
    "Berlin", "Hamburg", "München", "Köln", "Leipzig", "Dresden", "Kiel", "Jena", "Ulm", "Bremen", "Essen",
    "Mainz",
];
const PLANS: [&str; 4] = ["free", "basic", "team", "enterprise"];
const STATES: [&str; 5] = ["lead", "trial", "active", "paused", "closed"];

struct Customer {
    key: String,
    name: String,
    email: String,
    phone: String,
    city: &'static str,
    plan: &'static str,
    state: &'static str,
    balance: i64,
    notes: String,
}

/// What records are made of.
struct Text {
    definitions: Vec<String>,
    words: Vec<String>,
}

pub(super) fn draw(dice: &mut Dice, count: usize) -> Outcome<Vec<Drawn>> {
    let definitions = words::definitions()?;
    let mut words: Vec<String> = definitions
        .iter()
        .flat_map(|text| text.split(|c: char| !c.is_ascii_lowercase()))
        .filter(|word| word.len() > 3)
        .map(str::to_owned)
        .collect();
    words.sort();
    words.dedup();
    let text = Text { definitions, words };
    let (mut customers, mut time): (Vec<Customer>, f64) = (Vec::new(), BEGIN);
    let mut drawn = Vec::with_capacity(count);
    while drawn.len() < count {
        time += dice.exponential(8.0);
        let number = if customers.is_empty() || dice.happens(0.2) {
            customers.push(text.customer(dice, customers.len()));
            customers.len() - 1
        } else {
            let newest = customers.len().min(ACTIVE);
            let number = customers.len() - 1 - dice.below(newest);
            text.change(dice, &mut customers[number]);
            number
        };
        let mut fact =
            Fact::new("customers", customers[number].key.as_str(), customers[number].value()?, time);
        fact.valid_time = Some((time * 1e3).floor() / 1e3);
        fact.producer = Some((*dice.one(&["crm-web/9.2", "crm-api/3.1", "sales-sync"])).to_owned());
        drawn.push(Drawn { fact, follows: None });
    }
    Ok(drawn)
}

impl Text {
    fn word(&self, dice: &mut Dice) -> String {
        let mut word = dice.one(&self.words).clone();
        word.get_mut(..1).map(str::make_ascii_uppercase);
        word
    }

    fn notes(&self, dice: &mut Dice) -> String {
        let parts: Vec<&str> = (0..1 + dice.below(4)).map(|_| dice.one(&self.definitions).as_str()).collect();
        parts.join(". ")
    }

    fn customer(&self, dice: &mut Dice, number: usize) -> Customer {
        let (first, last) = (self.word(dice), self.word(dice));
        Customer {
            key: format!("customer-{number:06}"),
            email: format!(
                "{}.{}@{}.example",
                first.to_lowercase(),
                last.to_lowercase(),
                dice.one(&self.words)
            ),
            name: format!("{first} {last}"),
            phone: format!("+49 {} {}", 30 + dice.below(900), 100_000 + dice.below(9_900_000)),
            city: CITIES[dice.below(CITIES.len())],
            plan: PLANS[dice.below(PLANS.len())],
            state: STATES[0],
            balance: dice.below(100_000) as i64,
            notes: self.notes(dice),
        }
    }

    fn change(&self, dice: &mut Dice, customer: &mut Customer) {
        for _ in 0..1 + dice.below(2) {
            match dice.below(10) {
                0..=3 => customer.balance += dice.below(20_000) as i64 - 10_000,
                4 | 5 => customer.state = STATES[dice.below(STATES.len())],
                6 => customer.plan = PLANS[dice.below(PLANS.len())],
                7 => customer.city = CITIES[dice.below(CITIES.len())],
                8 => customer.notes = self.notes(dice),
                _ => customer.phone = format!("+49 {} {}", 30 + dice.below(900), dice.below(9_900_000)),
            }
        }
    }
}

impl Customer {
    fn value(&self) -> Outcome<String> {
        Ok(format!(
            r#"{{"name":{},"email":{},"phone":"{}","city":"{}","plan":"{}","state":"{}","balance_cents":{},"vip":{},"notes":{}}}"#,
            serde_json::to_string(&self.name)?,
            serde_json::to_string(&self.email)?,
            self.phone,
            self.city,
            self.plan,
            self.state,
            self.balance,
            self.balance > 80_000,
            serde_json::to_string(&self.notes)?,
        ))
    }
}
