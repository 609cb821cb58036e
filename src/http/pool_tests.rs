use std::sync::mpsc;

use super::*;

fn turn(patience: Duration) -> Turn {
    Turn {
        client: None,
        patience,
        only_reads: false,
    }
}

const LONG: Duration = Duration::from_secs(60);

/// Occupies a thread of the pool until the sender is used or dropped.
async fn occupy(pool: &Pool, client: Option<Client>) -> (mpsc::Sender<()>, Ended) {
    let (end, ended) = mpsc::channel::<()>();
    let (begun, has_begun) = oneshot::channel();
    let pool = pool.clone();
    let turn = Turn {
        client,
        patience: LONG,
        only_reads: false,
    };
    let ended = tokio::spawn(async move {
        pool.run(turn, move || {
            let _ = begun.send(());
            Ok(ended.recv().is_ok())
        })
        .await
    });
    has_begun.await.unwrap();
    (end, ended)
}

type Ended = tokio::task::JoinHandle<Result<bool>>;

#[tokio::test]
async fn load_01_work_that_waits_too_long_is_refused_and_never_begun() {
    let pool = Pool::start("test", 1, 10).unwrap();
    let (end, slow) = occupy(&pool, None).await;
    let started = Instant::now();
    let (begun, seen) = mpsc::channel();
    let error = pool
        .run(turn(Duration::from_millis(100)), move || {
            let _ = begun.send(());
            Ok(())
        })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(error.retry_after_seconds(), Some(1));
    assert!(started.elapsed() >= Duration::from_millis(100));
    assert!(!pool.0.0.desk().lines.is_full(), "its place is free again");
    end.send(()).unwrap();
    assert!(
        slow.await.unwrap().unwrap(),
        "what is at work is waited for"
    );
    pool.run(turn(LONG), || Ok(())).await.unwrap();
    assert!(seen.try_recv().is_err(), "what was refused was begun");
}

#[tokio::test]
async fn load_01_work_of_a_client_that_is_gone_is_not_begun() {
    let pool = Pool::start("test", 1, 10).unwrap();
    let (end, slow) = occupy(&pool, None).await;
    let (begun, seen) = mpsc::channel();
    let gone = tokio::spawn({
        let pool = pool.clone();
        async move {
            pool.run(turn(LONG), move || {
                let _ = begun.send(());
                Ok(())
            })
            .await
        }
    });
    while pool.0.0.desk().lines.length(&None) == 0 {
        tokio::task::yield_now().await;
    }
    gone.abort();
    assert!(gone.await.is_err());
    assert_eq!(pool.0.0.desk().lines.length(&None), 0);
    end.send(()).unwrap();
    assert!(slow.await.unwrap().unwrap());
    pool.run(turn(LONG), || Ok(())).await.unwrap();
    assert!(seen.try_recv().is_err());
}

#[tokio::test]
async fn load_01_what_cannot_begin_in_time_is_refused_at_once() {
    let pool = Pool::start("test", 1, 10).unwrap();
    let (end, slow) = occupy(&pool, None).await;
    pool.0.0.desk().pace = Duration::from_secs(3_600);
    let mut first = Box::pin(pool.run(turn(LONG), || Ok(())));
    // Nothing is ahead of the first but what is at work, whose end nobody knows.
    assert!(
        tokio::time::timeout(Duration::from_millis(10), &mut first)
            .await
            .is_err()
    );
    // An hour is ahead of the second: it would time out this test if it waited for its patience.
    let error = pool.run(turn(LONG), || Ok(())).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    end.send(()).unwrap();
    first.await.unwrap();
    slow.await.unwrap().unwrap();
}

#[tokio::test]
async fn load_01_what_free_threads_will_take_is_not_refused() {
    let pool = Pool::start("test", 8, 10).unwrap();
    pool.0.0.desk().pace = Duration::from_secs(3_600);
    let turn = turn(Duration::from_secs(60));
    let work = (0..8).map(|_| {
        let pool = pool.clone();
        tokio::spawn(async move { pool.run(turn, || Ok(())).await })
    });
    for work in work.collect::<Vec<_>>() {
        work.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn load_03_one_client_has_a_quarter_of_the_places() {
    let (one, other) = (Client::numbered(1), Client::numbered(2));
    let pool = Pool::start("test", 1, 8).unwrap();
    let (end, slow) = occupy(&pool, Some(one)).await;
    let run = |client| {
        let turn = Turn {
            client: Some(client),
            patience: LONG,
            only_reads: false,
        };
        let pool = pool.clone();
        tokio::spawn(async move { pool.run(turn, || Ok(())).await })
    };
    let waiting = [run(one), run(one)];
    while pool.0.0.desk().lines.length(&Some(one)) < 2 {
        tokio::task::yield_now().await;
    }
    let error = run(one).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Throttled);
    assert_eq!(error.retry_after_seconds(), Some(1));
    let late = run(other);
    while pool.0.0.desk().lines.length(&Some(other)) < 1 {
        tokio::task::yield_now().await;
    }
    end.send(()).unwrap();
    slow.await.unwrap().unwrap();
    late.await.unwrap().unwrap();
    for waiting in waiting {
        waiting.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_panic_is_an_error_and_ends_no_thread() {
    let pool = Pool::start("test", 1, 8).unwrap();
    let error = pool
        .run(turn(LONG), || -> Result<()> { panic!("expected here") })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
    pool.run(turn(LONG), || Ok(())).await.unwrap();
}

#[tokio::test]
async fn con_06_reading_is_broken_off_when_the_client_goes_away() {
    let pool = Pool::start("test", 1, 8).unwrap();
    for only_reads in [true, false] {
        let (begun, has_begun) = oneshot::channel();
        let (look, may_look) = mpsc::channel();
        let (told, forgotten) = mpsc::channel();
        let gone = tokio::spawn({
            let pool = pool.clone();
            let turn = Turn {
                only_reads,
                ..turn(LONG)
            };
            async move {
                pool.run(turn, move || {
                    let _ = begun.send(());
                    may_look.recv().unwrap();
                    let wanted = Wanted::here().unwrap();
                    told.send(wanted.is_forgotten()).unwrap();
                    Ok(())
                })
                .await
            }
        });
        has_begun.await.unwrap();
        gone.abort();
        assert!(gone.await.is_err());
        look.send(()).unwrap();
        assert_eq!(forgotten.recv().unwrap(), only_reads);
    }
}
