//! Invented people, with codici fiscali that pass their own check.
//!
//! Source: Decreto del Ministro delle finanze 23 December 1976 (structure and check character of
//! the codice fiscale). Family names are made up, so that no code belongs to anybody.

use crate::random::Random;

const FAMILY_NAMES: &[&str] = &[
    "Provalli",
    "Campionesi",
    "Esempiardi",
    "Fittizzi",
    "Sintettoni",
    "Bancovati",
    "Misurandi",
    "Seminelli",
    "Modellucci",
    "Caricanti",
    "Tracciolini",
    "Verifanti",
    "Ipotesani",
    "Simulotti",
    "Generandi",
    "Astrattini",
];
/// Together 4 096 family names that nobody bears.
pub const NAME_STEMS: &[&str] = &[
    "Prova", "Campio", "Esempi", "Fitti", "Sinte", "Banco", "Misura", "Semina", "Modello",
    "Carica", "Traccio", "Verifa", "Ipote", "Simu", "Genera", "Astra",
];
pub const NAME_MIDDLES: &[&str] = &[
    "ba", "ca", "de", "fi", "ga", "lu", "mo", "ne", "po", "ri", "sa", "te", "vi", "zo", "ru", "le",
];
pub const NAME_ENDS: &[&str] = &[
    "lli", "nesi", "ardi", "zzi", "ttoni", "vati", "randi", "nelli", "ucci", "canti", "lini",
    "fanti", "sani", "lotti", "ndi", "ttini",
];
const WOMEN: &[&str] = &[
    "Alba", "Carla", "Elena", "Irene", "Marta", "Nives", "Silvia", "Wanda",
];
const MEN: &[&str] = &[
    "Bruno", "Dario", "Fabio", "Guido", "Livio", "Oscar", "Remo", "Ugo",
];
/// Town, postal code, and its letter and digits in the codice fiscale.
const TOWNS: &[(&str, &str, &str)] = &[
    ("Roma", "00184", "H501"),
    ("Milano", "20121", "F205"),
    ("Torino", "10122", "L219"),
    ("Napoli", "80134", "F839"),
    ("Bologna", "40121", "A944"),
    ("Bari", "70121", "A662"),
];

/// A person who does not exist.
#[derive(Debug, Clone)]
pub struct Person {
    pub family: String,
    pub given: &'static str,
    pub gender: &'static str,
    pub birth_date: String,
    pub town: &'static str,
    pub postal_code: &'static str,
    pub tax_code: String,
}

impl Person {
    pub fn invent(random: &mut Random) -> Self {
        Self::of_family(random, |random| random.pick(FAMILY_NAMES).to_owned())
    }

    /// As `invent`, with thousands of family names, as a search among many people needs them.
    pub fn invent_among_many(random: &mut Random) -> Self {
        Self::of_family(random, |random| {
            let pieces = [NAME_STEMS, NAME_MIDDLES, NAME_ENDS];
            pieces.map(|choices| random.pick(choices)).concat()
        })
    }

    fn of_family(random: &mut Random, name: impl Fn(&mut Random) -> String) -> Self {
        let woman = random.below(2) == 0;
        let family = name(random);
        let given = random.pick(if woman { WOMEN } else { MEN });
        let (town, postal_code, town_code) = random.pick(TOWNS);
        let (year, month, day) = (
            random.between(1930, 2020),
            random.between(1, 12),
            random.between(1, 28),
        );
        let month_letter = b"ABCDEHLMPRST".get(usize::try_from(month - 1).unwrap_or(0));
        let fifteen = format!(
            "{}{}{:02}{}{:02}{town_code}",
            family_letters(&family),
            given_letters(given),
            year % 100,
            char::from(month_letter.copied().unwrap_or(b'A')),
            if woman { day + 40 } else { day },
        );
        let check = check_character(&fifteen);
        Self {
            family,
            given,
            gender: if woman { "female" } else { "male" },
            birth_date: format!("{year:04}-{month:02}-{day:02}"),
            town,
            postal_code,
            tax_code: format!("{fifteen}{check}"),
        }
    }
}

/// Consonants first, then vowels, then `X`.
fn family_letters(name: &str) -> String {
    let (consonants, vowels) = split_letters(name);
    consonants
        .chars()
        .chain(vowels.chars())
        .chain("XXX".chars())
        .take(3)
        .collect()
}

/// As for the family name, but of four consonants or more the second is passed over.
fn given_letters(name: &str) -> String {
    let (consonants, _) = split_letters(name);
    if consonants.len() < 4 {
        return family_letters(name);
    }
    consonants
        .char_indices()
        .filter(|(index, _)| *index != 1)
        .take(3)
        .map(|(_, c)| c)
        .collect()
}

fn split_letters(name: &str) -> (String, String) {
    name.to_ascii_uppercase()
        .chars()
        .partition(|letter| !"AEIOU".contains(*letter))
}

/// The sixteenth character: characters in odd places (from 1) weigh by a table, those in even
/// places by their rank; the sum modulo 26 is a letter.
fn check_character(fifteen: &str) -> char {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let sum: u32 = fifteen
        .chars()
        .enumerate()
        .map(|(index, character)| {
            // Digits share the weights of the first ten letters.
            let rank = character
                .to_digit(10)
                .unwrap_or_else(|| u32::from(character).saturating_sub(u32::from('A')));
            if index % 2 == 1 {
                return rank;
            }
            usize::try_from(rank)
                .ok()
                .and_then(|rank| ODD.get(rank).copied())
                .unwrap_or(0)
        })
        .sum();
    char::from_u32(u32::from('A') + sum % 26).unwrap_or('A')
}
