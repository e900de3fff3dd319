//! Readings of 1,000 sensors, each one every 10 seconds, 2 ms more or less.
//!
//! Temperature in hundredths walks by 0.02 at a time, humidity in tenths by 0.1; the battery falls by a millivolt in ten
//! minutes and is read with a noise of 1 mV. A reading arrives 8 ms later or more, 4 ms more in the mean, exponentially.

use annals_streams::Fact;

use super::super::dice::Dice;
use super::{BEGIN, Drawn, decimal};

const SENSORS: usize = 1_000;

struct Sensor {
    key: String,
    producer: String,
    phase: f64,
    temperature: f64,
    humidity: f64,
    battery: f64,
}

pub(super) fn draw(dice: &mut Dice, count: usize) -> Vec<Drawn> {
    let mut sensors: Vec<Sensor> = (0..SENSORS)
        .map(|number| Sensor {
            key: format!("sensor-{number:05}"),
            producer: format!("gateway-{:02}", number % 20),
            phase: dice.between(0.0, 10.0),
            temperature: 21.0 + dice.normal() * 3.0,
            humidity: 45.0 + dice.normal() * 8.0,
            battery: 3_600.0 + dice.normal() * 150.0,
        })
        .collect();
    (0..count)
        .map(|i| {
            let (round, number) = (i / SENSORS, i % SENSORS);
            let fact = sensors[number].reading(dice, round as f64 * 10.0);
            Drawn { fact, follows: None }
        })
        .collect()
}

impl Sensor {
    fn reading(&mut self, dice: &mut Dice, round: f64) -> Fact {
        self.temperature += dice.normal() * 0.02;
        self.humidity = (self.humidity + dice.normal() * 0.1).clamp(5.0, 95.0);
        self.battery -= 10.0 / 600.0;
        let battery = (self.battery + dice.normal()).round() as i64;
        let (temperature, humidity) = (decimal(self.temperature, 2), decimal(self.humidity, 1));
        let value =
            format!(r#"{{"temperature":{temperature:?},"humidity":{humidity:?},"battery":{battery}}}"#);
        let taken = BEGIN + round + self.phase + dice.between(-0.002, 0.002);
        let valid = (taken * 1e3).floor() / 1e3;
        let arrived = valid + 0.008 + dice.exponential(0.004);
        let mut fact = Fact::new("sensor_readings", self.key.as_str(), value, arrived);
        fact.valid_time = Some(valid);
        fact.producer = Some(self.producer.clone());
        fact
    }
}
