//! A peer of the build before is understood, and understands: what fields were added since it does
//! not send, and does not see.

use super::*;
use crate::message::{DeleteRequest, DigestReply, DigestRequest, ReadRequest};

/// Messages as the first build of version 1 wrote them.
const WRITTEN: &str = include_str!("version_1.txt");

/// Whether a message is read, and written again as it was: what it does not have stays away.
fn comes_back<M: NodeMessage>(bytes: &[u8]) -> bool {
    let read = M::decode(bytes.to_vec().into()).expect("a message of version 1");
    read.encode() == bytes
}

fn bytes_of(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("digits");
        u8::from_str_radix(pair, 16).expect("two digits")
    };
    digits.map(byte).collect()
}

#[test]
fn messages_of_the_first_build_are_read_and_written_as_they_were() {
    let mut count = 0;
    for line in WRITTEN.lines().filter(|line| !line.starts_with('#')) {
        let (name, bytes) = line.split_once(' ').expect("a name and bytes");
        let bytes = bytes_of(bytes);
        let comes_back = match name {
            "DeleteReply" => comes_back::<DeleteReply>(&bytes),
            "DeleteRequest" => comes_back::<DeleteRequest>(&bytes),
            "DeletesBehindReply" => comes_back::<DeletesBehindReply>(&bytes),
            "DeletesBehindRequest" => comes_back::<DeletesBehindRequest>(&bytes),
            "DigestReply" => comes_back::<DigestReply>(&bytes),
            "DigestRequest" => comes_back::<DigestRequest>(&bytes),
            "Refusal" => comes_back::<Refusal>(&bytes),
            "SealReply" => comes_back::<SealReply>(&bytes),
            "SealRequest" => comes_back::<SealRequest>(&bytes),
            "SelectReply" => comes_back::<SelectReply>(&bytes),
            "SelectRequest" => comes_back::<ReadRequest>(&bytes),
            "StatusReply" => comes_back::<StatusReply>(&bytes),
            "StatusRequest" => comes_back::<StatusRequest>(&bytes),
            "TopologyReply" => comes_back::<TopologyReply>(&bytes),
            "TopologyRequest" => comes_back::<TopologyRequest>(&bytes),
            "WriteOpened" => comes_back::<WriteOpened>(&bytes),
            "WriteOpening" => comes_back::<WriteOpening>(&bytes),
            "WriteReply" => comes_back::<WriteReply>(&bytes),
            "WriteRequest" => comes_back::<WriteRequest>(&bytes),
            other => panic!("{other} is no message"),
        };
        assert!(comes_back, "{line}");
        count += 1;
    }
    assert_eq!(count, 64);
}
