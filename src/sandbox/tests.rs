//! The parent's side against children that behave in every way; `sh` plays them, because the
//! binary of these tests is not the server.

use std::time::{Duration, Instant};

use super::Launch;
use super::child::serve;
use crate::error::{Error, Kind, Result};

fn child(script: &str, time: Duration) -> Launch {
    Launch {
        executable: "/bin/sh".into(),
        arguments: vec!["-c".into(), script.into()],
        time,
    }
}

#[track_caller]
fn check(script: &str, input: &[u8], expected: std::result::Result<&[u8], (Kind, &str)>) {
    let result =
        child(script, Duration::from_secs(5)).run(input, u64::try_from(input.len()).unwrap());
    let found = result
        .as_deref()
        .map_err(|error| (error.kind(), error.issues()[0].code));
    assert_eq!(found, expected, "{script}");
}

#[test]
fn answers() {
    check("printf 0; cat", b"abc", Ok(b"abc"));
    check("printf 0abc", &vec![b'x'; 4 << 20], Ok(b"abc"));
    let error = r#"{"kind":"Unprocessable","issues":[{"severity":"error","code":"required","diagnostics":"x","expression":[]}]}"#;
    check(
        &format!("cat >/dev/null; printf '1%s' '{error}'"),
        b"",
        Err((Kind::Unprocessable, "required")),
    );
    let large = vec![b'x'; 8 << 20];
    check("printf 0; cat", &large, Ok(&large));
}

#[test]
fn ended_by_a_limit_or_a_crash() {
    let over = Err((Kind::Unprocessable, "too-costly"));
    check("kill -9 $$", b"", over);
    check("kill -11 $$", b"", over);
    check("printf 0; exit 101", b"", over);
    check("yes", b"", over);
}

#[test]
fn too_slow() {
    for script in [
        "exec sleep 60",
        "exec sleep 60 >&-",
        "printf 0; exec sleep 60",
    ] {
        let start = Instant::now();
        let error = child(script, Duration::from_millis(200))
            .run(b"x".as_slice(), 1)
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Unprocessable, "{script}");
        assert!(start.elapsed() < Duration::from_secs(20), "{script}");
    }
}

#[test]
fn no_sandbox_at_all() {
    let defect = Err((Kind::Internal, "exception"));
    check("exit 3", b"", defect);
    check("exit 0", b"", defect);
    let launch = Launch {
        executable: "/nonexistent".into(),
        arguments: Vec::new(),
        time: Duration::from_secs(1),
    };
    assert_eq!(
        launch.run(b"".as_slice(), 0).unwrap_err().kind(),
        Kind::Internal
    );
}

#[test]
fn the_environment_is_empty() {
    let result = child(
        "printf 0; env | grep -v -e '^PWD=' -e '^_=' -e '^SHLVL=' -e '^OLDPWD='; pwd",
        Duration::from_secs(5),
    )
    .run(b"".as_slice(), 0);
    assert_eq!(result.unwrap(), b"/\n");
}

fn upper(bytes: &[u8]) -> Result<Vec<u8>> {
    if bytes.is_empty() {
        return Err(Error::new(Kind::Unprocessable, "required", "nothing"));
    }
    assert!(bytes != b"panic", "as asked");
    Ok(bytes.to_ascii_uppercase())
}

#[test]
fn the_child_answers() {
    assert_eq!(serve(b"abc".as_slice(), upper).unwrap(), b"0ABC");
    assert!(serve(b"".as_slice(), upper).unwrap().starts_with(b"1{"));
    assert_eq!(serve(b"panic".as_slice(), upper), None);
    let large = std::io::repeat(b'x');
    let answer = serve(large, upper).unwrap();
    assert!(String::from_utf8(answer).unwrap().contains("TooLarge"));
}
