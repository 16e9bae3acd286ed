use super::*;
use crate::index::pairs::CHUNK;

/// More values than two sorted chunks hold, in no order, with a few that are prefixes of others.
fn many() -> Vec<Labels> {
    (0..2 * CHUNK as u32 + 1234)
        .map(|i| {
            let spread = i.wrapping_mul(0x9e37_79b9);
            let value = match i % 50 {
                0 => format!("p{}", i / 50),
                _ => format!("p{spread:08x}"),
            };
            labels(&[
                ("id", &value),
                ("half", if spread >> 31 == 0 { "a" } else { "b" }),
            ])
        })
        .collect()
}

#[test]
fn values_in_sorted_chunks_are_found_as_by_the_naive_filter() {
    let series = many();
    let index = index(&series);
    index.validate().unwrap();
    let patterns = [
        "p1.*", "p00.*", "pf+.*", "p[0-9]", "q.*", ".*", ".*9", "p12?3.*", "p99|p1",
    ];
    for pattern in patterns {
        for op in [MatchOp::Regex, MatchOp::NotRegex] {
            let matchers = [Matcher::new(op, "id", pattern).unwrap()];
            assert!(
                slots(&index.matches(&matchers)) == naive(&series, &matchers),
                "{matchers:?}"
            );
        }
    }
}

#[test]
fn values_come_sorted_whatever_the_limit() {
    let series = many();
    let index = index(&series);
    let half = index.matches(&[Matcher::equal("half", "a")]);
    let few: Postings = [7, 4000, 9000].into_iter().collect();
    for within in [None, Some(&half), Some(&few)] {
        let all: BTreeSet<_> = (0u32..)
            .zip(&series)
            .filter(|(slot, _)| within.is_none_or(|set| set.contains(*slot)))
            .map(|(_, labels)| labels.get("id").unwrap())
            .collect();
        for limit in [0, 1, 2, 999, all.len() - 1, all.len(), usize::MAX] {
            let (found, more) = index.label_values("id", within, limit);
            assert!(found.iter().eq(all.iter().copied().take(limit)), "{limit}");
            assert_eq!(more, all.len() > limit);
        }
    }
}
