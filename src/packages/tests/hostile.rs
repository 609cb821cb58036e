//! Archives made to do harm (IN-15).

use super::*;

#[test]
fn in_15_hostile_names_and_kinds_are_refused() {
    refuse(file("../evil.json", VALUE_SET), ". or ..");
    refuse(file("package/../../evil.json", VALUE_SET), ". or ..");
    refuse(file("package/../package-evil/x.json", VALUE_SET), ". or ..");
    refuse(file("/etc/passwd", VALUE_SET), "absolute");
    refuse(file("package\\x.json", VALUE_SET), "backslash");
    refuse(file("package/C:x.json", VALUE_SET), "colon");
    refuse(file("package/con.json", VALUE_SET), "device");
    refuse(file("package/x\n.json", VALUE_SET), "control");
    refuse(
        Member {
            name: b"package/\xFF.json",
            ..file("", VALUE_SET)
        },
        "UTF-8",
    );
    refuse(file("", VALUE_SET), "empty");
    refuse(
        special(EntryType::Symlink, "package/x.json", b""),
        "a symbolic link",
    );
    refuse(
        special(EntryType::Link, "package/x.json", b""),
        "a hard link",
    );
    refuse(
        special(EntryType::GNULongLink, "package/x.json", b""),
        "a hard link",
    );
    refuse(special(EntryType::Char, "package/x.json", b""), "a device");
    refuse(special(EntryType::Block, "package/x.json", b""), "a device");
    refuse(special(EntryType::Fifo, "package/x.json", b""), "a pipe");
    refuse(
        special(EntryType::GNUSparse, "package/x.json", b""),
        "a sparse file",
    );
    refuse(
        special(EntryType::new(b'Z'), "package/x.json", b""),
        "a special file",
    );
    refuse(special(EntryType::Directory, "../", b""), ". or ..");
    refuse(
        file("package/package.json", MANIFEST),
        "package/package.json again",
    );
}

#[test]
fn in_15_bombs_are_refused_quickly() {
    let start = std::time::Instant::now();
    let zeros = vec![0u8; 24 * 1024 * 1024];
    let bomb = archive(&[file("package/x.json", &zeros)]);
    assert!(bomb.len() < 100_000);
    refuse_bytes(&bomb, Kind::TooLarge, "inflated bytes per compressed byte");
    // Hidden behind a well compressing neighbour, in a member nobody keeps.
    let bomb = archive(&[file("package/other/x.bin", &zeros)]);
    refuse_bytes(&bomb, Kind::TooLarge, "inflated bytes per compressed byte");
    // A header that promises more than there is.
    let mut header = tar::Header::new_ustar();
    header.set_path("package/x.json").unwrap();
    header.set_size(1 << 33);
    header.set_cksum();
    refuse_bytes(&gzip(header.as_bytes()), Kind::Invalid, "");
    // After the end of the archive, where no member is looked for.
    refuse_bytes(
        &gzip(&[tar(&[]), zeros].concat()),
        Kind::TooLarge,
        "inflated bytes per compressed byte",
    );
    assert!(start.elapsed().as_secs() < 20);
}

#[test]
fn in_15_the_number_of_members_is_bounded() {
    let names: Vec<String> = (0..20_000).map(|n| format!("package/{n}.txt")).collect();
    // Content that does not compress away, so that no ratio is passed before.
    let contents: Vec<Vec<u8>> = (0..20_000u32)
        .map(|n| {
            ring::digest::digest(&ring::digest::SHA256, &n.to_be_bytes())
                .as_ref()
                .to_vec()
        })
        .collect();
    let members: Vec<Member<'_>> = names
        .iter()
        .zip(&contents)
        .map(|(name, content)| file(name, content))
        .collect();
    // With the manifest 20,000 pass and 20,001 do not.
    assert!(read_archive(&archive(&members[..19_999])).is_ok());
    refuse_bytes(
        &archive(&members),
        Kind::TooLarge,
        "expected at most 20000 members",
    );
}
