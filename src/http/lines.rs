//! Lines of waiting work, one per client, and who is served next.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// What waits, in one line per client.
pub struct Lines<K, W> {
    lines: HashMap<K, Line<W>>,
    /// Whose line is not empty; who was served last is at the end.
    turns: VecDeque<K>,
    waiting: usize,
    places: usize,
    /// Of the next piece of work.
    number: u64,
}

struct Line<W> {
    work: VecDeque<(u64, W)>,
    /// Pieces of this client that are at work.
    begun: usize,
}

impl<K: Copy + Eq + Hash, W> Lines<K, W> {
    /// Lines with this many places in all.
    pub fn new(places: usize) -> Self {
        Self {
            lines: HashMap::new(),
            turns: VecDeque::new(),
            waiting: 0,
            places,
            number: 0,
        }
    }

    pub fn places(&self) -> usize {
        self.places
    }

    pub fn is_full(&self) -> bool {
        self.waiting >= self.places
    }

    /// How much of this client waits.
    pub fn length(&self, client: &K) -> usize {
        self.lines.get(client).map_or(0, |line| line.work.len())
    }

    /// How much will be begun before what this client brings now: its own, and as much of every
    /// other line, if there is as much.
    pub fn ahead(&self, client: &K) -> usize {
        let own = self.length(client);
        let others = self.turns.len().saturating_sub(usize::from(own > 0));
        let rounds = own.saturating_add(1);
        self.waiting
            .min(own.saturating_add(others.saturating_mul(rounds)))
    }

    /// Adds work at the end of a line, and tells its number.
    pub fn push(&mut self, client: K, work: W) -> u64 {
        let line = self.lines.entry(client).or_insert_with(|| Line {
            work: VecDeque::new(),
            begun: 0,
        });
        if line.work.is_empty() {
            self.turns.push_back(client);
        }
        let number = self.number;
        self.number = number.wrapping_add(1);
        line.work.push_back((number, work));
        self.waiting = self.waiting.saturating_add(1);
        number
    }

    /// Takes back work that has not begun.
    pub fn withdraw(&mut self, client: &K, number: u64) -> Option<W> {
        let line = self.lines.get_mut(client)?;
        let at = line.work.iter().position(|(found, _)| *found == number)?;
        let (_, work) = line.work.remove(at)?;
        self.waiting = self.waiting.saturating_sub(1);
        if line.work.is_empty() {
            self.turns.retain(|turn| turn != client);
        }
        self.tidy(client);
        Some(work)
    }

    /// The work to begin next: of the client with the least at work; among equals, of the one that was
    /// served longest ago.
    pub fn next(&mut self) -> Option<(K, W)> {
        let begun = |client: &K| self.lines.get(client).map_or(0, |line| line.begun);
        let (at, _) = self
            .turns
            .iter()
            .enumerate()
            .min_by_key(|(_, client)| begun(client))?;
        let client = self.turns.remove(at)?;
        let line = self.lines.get_mut(&client)?;
        let (_, work) = line.work.pop_front()?;
        line.begun = line.begun.saturating_add(1);
        if !line.work.is_empty() {
            self.turns.push_back(client);
        }
        self.waiting = self.waiting.saturating_sub(1);
        Some((client, work))
    }

    /// Work of this client has ended.
    pub fn done(&mut self, client: &K) {
        if let Some(line) = self.lines.get_mut(client) {
            line.begun = line.begun.saturating_sub(1);
        }
        self.tidy(client);
    }

    /// Forgets a client of whom there is nothing.
    fn tidy(&mut self, client: &K) {
        if self
            .lines
            .get(client)
            .is_some_and(|line| line.work.is_empty() && line.begun == 0)
        {
            self.lines.remove(client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines in which each letter has brought one piece of work.
    fn lines(brought: &str) -> Lines<char, usize> {
        let mut lines = Lines::new(100);
        for (number, client) in brought.chars().enumerate() {
            lines.push(client, number);
        }
        lines
    }

    fn served(lines: &mut Lines<char, usize>, most: usize) -> String {
        std::iter::from_fn(|| lines.next())
            .take(most)
            .map(|(client, _)| client)
            .collect()
    }

    #[test]
    fn load_03_who_has_the_least_at_work_is_next() {
        for (brought, expected) in [
            ("", ""),
            ("aaa", "aaa"),
            ("aaaab", "abaaa"),
            ("aaabbb", "ababab"),
            ("aaaabc", "abcaaa"),
        ] {
            assert_eq!(served(&mut lines(brought), 9), expected, "{brought}");
        }
        // Who came alone has what it has; who comes later goes first until they are even.
        let mut late = lines("aaaaaaaa");
        assert_eq!(served(&mut late, 4), "aaaa");
        for number in 0..6 {
            late.push('b', number);
        }
        assert_eq!(served(&mut late, 6), "bbbbab");
        late.done(&'b');
        late.done(&'b');
        assert_eq!(served(&mut late, 1), "b");
    }

    #[test]
    fn a_line_keeps_its_order_and_lets_go() {
        let mut lines = lines("abaa");
        assert_eq!(lines.withdraw(&'a', 2), Some(2));
        assert_eq!(lines.withdraw(&'a', 2), None);
        assert_eq!(lines.withdraw(&'c', 0), None);
        assert_eq!(lines.withdraw(&'b', 1), Some(1));
        assert_eq!(lines.next(), Some(('a', 0)));
        assert_eq!(lines.withdraw(&'a', 0), None, "it has begun");
        assert_eq!(lines.next(), Some(('a', 3)));
        assert_eq!(lines.next(), None);
        lines.done(&'a');
        assert_eq!(lines.lines.len(), 1);
        lines.done(&'a');
        assert!(lines.lines.is_empty() && lines.turns.is_empty() && lines.waiting == 0);
    }

    #[test]
    fn load_01_what_is_ahead() {
        let lines = lines("aaaaab");
        assert_eq!(lines.ahead(&'a'), 6);
        assert_eq!(lines.ahead(&'b'), 3, "one of its own, two of the other");
        assert_eq!(lines.ahead(&'c'), 2, "one of each");
        assert!(!lines.is_full());
        let mut small = Lines::new(1);
        assert_eq!(small.ahead(&'a'), 0);
        small.push('a', ());
        assert!(small.is_full());
    }
}
