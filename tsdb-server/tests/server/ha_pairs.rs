//! Pairs of senders: one copy is stored, and none of it is missing when one of them dies.

use crate::support::{
    Answer, Prometheus, Server, exported, program, series, wait_for, write_body, write_request,
};

const ON: [&str; 4] = ["--ha-replica-label", "__replica__", "--ha-failover", "3s"];
const T: i64 = 1_700_000_000_000;

async fn write(server: &Server, replica: &str, ms: i64, value: f64) -> Result<Answer, String> {
    let labels = [
        ("__name__", "up"),
        ("__replica__", replica),
        ("cluster", "c"),
    ];
    let body = write_body(vec![series(&labels, &[(T + ms, value.to_bits())])]);
    write_request(&server.api, body).await
}

#[tokio::test]
async fn of_two_that_send_the_same_one_copy_is_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), &ON);
    // The values tell who brought a sample.
    assert_eq!(
        write(&server, "a", 0, 1.0).await.expect("an answer").status,
        204
    );
    assert_eq!(
        write(&server, "b", 0, 2.0).await.expect("an answer").status,
        204
    );
    let (second, first) = tokio::join!(write(&server, "b", 15_005, 2.0), async {
        wait_for("the other to wait", 30, async || {
            (server.metric("tsdb_ha_requests_waiting").await == 1.0).then_some(())
        })
        .await;
        let late = write(&server, "a", 15_000, 1.0).await;
        assert_eq!(late.expect("an answer").status, 204);
        write(&server, "a", 30_000, 1.0).await
    });
    for answer in [first, second] {
        assert_eq!(answer.expect("an answer").status, 204);
    }
    // Another sender, of no pair.
    let alone = write_body(vec![series(&[("__name__", "alone")], &[(T, 0)])]);
    assert_eq!(
        write_request(&server.api, alone)
            .await
            .expect("an answer")
            .status,
        204
    );
    // The first dies. What the other brings now was not dropped before.
    for ms in [45_005, 60_005] {
        assert_eq!(
            write(&server, "b", ms, 2.0)
                .await
                .expect("an answer")
                .status,
            204
        );
    }
    assert_eq!(
        write(&server, "a", 45_000, 1.0)
            .await
            .expect("an answer")
            .status,
        204
    );
    let found = exported(&server, "up").await;
    let (one, two) = (1f64.to_bits(), 2f64.to_bits());
    let times = [
        (0, one),
        (15_000, one),
        (30_000, one),
        (45_005, two),
        (60_005, two),
    ];
    let expected = times.map(|(ms, bits)| (T + ms, bits)).to_vec();
    assert_eq!(found, [("up{cluster=\"c\"}".to_owned(), expected)]);
    assert_eq!(exported(&server, "alone").await.len(), 1);
    assert_eq!(server.metric("tsdb_ha_takeovers_total").await, 1.0);
    assert_eq!(server.metric("tsdb_ha_duplicate_samples_total").await, 3.0);
    assert_eq!(server.metric("tsdb_ha_clusters").await, 1.0);
}

/// Two real servers scrape the same target each second. The elected one is killed.
#[tokio::test]
async fn a_failover_between_real_servers_misses_one_scrape_at_most() {
    let Some(prometheus) = program("prometheus", "prometheus") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("data"), &ON);
    let target = server
        .metrics
        .trim_start_matches("http://")
        .trim_end_matches("/metrics");
    let config = |replica: &str| {
        format!(
            "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  external_labels: {{cluster: c, __replica__: {replica}}}\n\
             remote_write:\n- url: {}/api/v1/write\n  queue_config: {{batch_send_deadline: 200ms}}\n\
             scrape_configs:\n- job_name: own\n  static_configs: [{{targets: [\"{target}\"]}}]\n",
            server.api
        )
    };
    let start = async |replica: &str| {
        Prometheus::start(&prometheus, &folder.path().join(replica), &config(replica)).await
    };
    let ups = async || {
        let found = exported(&server, "up").await;
        assert!(found.len() <= 1, "one series: {found:?}");
        found
            .into_iter()
            .next()
            .map(|(_, samples)| samples)
            .unwrap_or_default()
    };
    let first = start("a").await;
    wait_for("the first to be elected", 60, async || {
        (!ups().await.is_empty()).then_some(())
    })
    .await;
    let second = start("b").await;
    wait_for("duplicates", 60, async || {
        let duplicates = server.metric("tsdb_ha_duplicate_samples_total").await;
        (duplicates > 1000.0).then_some(())
    })
    .await;
    let before = ups().await.len();
    drop(first);
    wait_for("samples of the other", 60, async || {
        let taken_over = server.metric("tsdb_ha_takeovers_total").await == 1.0;
        (taken_over && ups().await.len() > before + 10).then_some(())
    })
    .await;
    drop(second);
    let times: Vec<i64> = ups().await.iter().map(|(ms, _)| *ms).collect();
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
    let gaps: Vec<i64> = gaps.collect();
    // One copy: as many as scrapes of one server, and never two within half an interval but where
    // one took over. No gap is longer than two intervals: one scrape is missing at most.
    let close = gaps.iter().filter(|gap| **gap < 500).count();
    assert!(close <= 1, "{gaps:?}");
    assert!(gaps.iter().all(|gap| *gap <= 2100), "{gaps:?}");
}
