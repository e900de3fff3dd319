//! Positions of 200 technicians, each one every 1 to 5 seconds, all of them mixed in the order of arrival.
//!
//! About half of them are parked at a time: their receiver holds its position then, as receivers do, and only tells of
//! another accuracy. The others drive: their heading turns a little with each report, their speed changes a little, and each
//! coordinate has a noise of 0.3 m. Reports are taken on a millisecond and arrive 40 ms later or more, 30 ms more in the mean,
//! exponentially, at any fraction of a second that a double can say.

use annals_streams::Fact;

use super::super::dice::Dice;
use super::{BEGIN, Drawn, decimal};

/// How numbers are written.
pub(super) struct Digits {
    /// Decimals of a coordinate; none for all that a double has.
    coordinate: Option<i32>,
    /// ... of speed, heading, accuracy.
    other: i32,
}

pub(super) const SIX: Digits = Digits { coordinate: Some(6), other: 1 };
pub(super) const SEVEN: Digits = Digits { coordinate: Some(7), other: 2 };
pub(super) const RAW: Digits = Digits { coordinate: None, other: 2 };

const TECHNICIANS: usize = 200;
/// Degrees of latitude in a metre.
const DEGREE: f64 = 1.0 / 111_320.0;
/// Metres that a coordinate is off.
const NOISE: f64 = 0.3;

struct Technician {
    key: String,
    producer: &'static str,
    next: f64,
    latitude: f64,
    longitude: f64,
    speed: f64,
    heading: f64,
    accuracy: f64,
    parked: bool,
    /// What the receiver has said last.
    said: (f64, f64),
}

pub(super) fn draw(dice: &mut Dice, count: usize, digits: &Digits) -> Vec<Drawn> {
    let mut technicians: Vec<Technician> = (0..TECHNICIANS).map(|number| technician(dice, number)).collect();
    let mut drawn = Vec::with_capacity(count);
    while drawn.len() < count {
        let next = technicians.iter_mut().min_by(|a, b| a.next.total_cmp(&b.next));
        let Some(technician) = next else { break };
        drawn.push(Drawn { fact: technician.report(dice, digits), follows: None });
    }
    drawn
}

fn technician(dice: &mut Dice, number: usize) -> Technician {
    let (latitude, longitude) = (52.5 + dice.normal() * 0.08, 13.4 + dice.normal() * 0.12);
    Technician {
        key: format!("technician-{number:04}"),
        producer: ["field-app/4.12.0", "field-app/4.11.3", "tracker/2.0"][dice.below(3)],
        next: BEGIN + dice.between(0.0, 5.0),
        latitude,
        longitude,
        speed: dice.between(3.0, 14.0),
        heading: dice.between(0.0, 360.0),
        accuracy: 4.0,
        parked: dice.happens(0.5),
        said: (latitude, longitude),
    }
}

impl Technician {
    fn report(&mut self, dice: &mut Dice, digits: &Digits) -> Fact {
        let valid = (self.next * 1e3).floor() / 1e3;
        let passed = dice.between(1.0, 5.0);
        self.next += passed;
        if dice.happens(0.01) {
            self.parked = !self.parked;
        }
        if !self.parked {
            self.heading = (self.heading + dice.normal() * 6.0).rem_euclid(360.0);
            self.speed = (self.speed + dice.normal() * 0.5).clamp(0.5, 18.0);
            let metres = self.speed * passed;
            let (north, east) = (self.heading.to_radians().cos(), self.heading.to_radians().sin());
            self.latitude += north * metres * DEGREE;
            self.longitude += east * metres * DEGREE / self.latitude.to_radians().cos();
            self.said = (
                self.latitude + dice.normal() * NOISE * DEGREE,
                self.longitude + dice.normal() * NOISE * DEGREE / self.latitude.to_radians().cos(),
            );
        }
        self.accuracy = (self.accuracy + dice.normal() * 0.2).clamp(2.0, 12.0);
        let coordinate = |degrees| digits.coordinate.map_or(degrees, |decimals| decimal(degrees, decimals));
        let other = |number| decimal(number, digits.other);
        let value = format!(
            r#"{{"lat":{:?},"lon":{:?},"speed":{:?},"heading":{:?},"accuracy":{:?}}}"#,
            coordinate(self.said.0),
            coordinate(self.said.1),
            other(if self.parked { 0.0 } else { self.speed }),
            other(self.heading),
            other(self.accuracy),
        );
        let arrived = valid + 0.040 + dice.exponential(0.030);
        let mut fact = Fact::new("technician_positions", self.key.as_str(), value, arrived);
        fact.valid_time = Some(valid);
        fact.producer = Some(self.producer.to_owned());
        fact
    }
}
