//! OTLP/gRPC.

use std::time::Duration;

use prost::Message;
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::*;
use crate::otlp::answer::Response;
use crate::otlp::grpc::{Raw, path};
use driftline::Signal;

async fn export(
    receiver: &Receiver,
    signal: Signal,
    compression: Option<CompressionEncoding>,
    body: &[u8],
) -> Result<Response, Status> {
    let channel = Channel::from_shared(format!("http://{}", receiver.grpc)).unwrap().connect().await.unwrap();
    let mut grpc = Grpc::new(channel);
    if let Some(compression) = compression {
        grpc = grpc.send_compressed(compression);
    }
    grpc.ready().await.unwrap();
    let answer = grpc.unary(Request::new(body.to_vec()), path(signal).parse().unwrap(), Raw).await?;
    Ok(Response::decode(answer.into_inner()).unwrap())
}

/// Breaks when a signal or a compression is not understood, or the same request is stored twice.
#[tokio::test]
async fn each_signal_comes_in_with_each_compression() {
    let receiver = Receiver::new().await;
    let mut rows = None;
    for compression in [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)] {
        for (signal, body) in [(Signal::Traces, SPANS), (Signal::Metrics, POINTS), (Signal::Logs, RECORDS)] {
            let answer = export(&receiver, signal, compression, body).await.unwrap();
            assert_eq!(answer.partial_success, None);
        }
        let now = receiver.rows().await;
        assert!(now.iter().all(|count| *count > 0), "{now:?}");
        assert_eq!(*rows.get_or_insert(now), now, "after {compression:?}");
    }
}

/// Breaks when one bad item takes its neighbours with it: the ready-made decoder refuses the whole request.
#[tokio::test]
async fn what_is_left_out_is_said_with_its_reason() {
    let receiver = Receiver::new().await;
    // the same spans, one of them with a name that is not UTF-8
    let name = SPANS.windows(4).position(|bytes| bytes == b"chat").unwrap();
    let mut body = SPANS.to_vec();
    body[name] = 0xff;
    let whole = export(&receiver, Signal::Traces, None, SPANS).await.unwrap();
    assert_eq!(whole.partial_success, None);
    let [before, ..] = receiver.rows().await;
    let partial = export(&receiver, Signal::Traces, None, &body).await;
    let message = match partial {
        Ok(response) => {
            let partial = response.partial_success.unwrap();
            assert_eq!(partial.rejected, 1);
            assert_eq!(receiver.rows().await[0], 2 * before - 1);
            partial.error_message
        }
        // it was the only one
        Err(status) => {
            assert_eq!((status.code(), before), (Code::InvalidArgument, 1));
            status.message().to_owned()
        }
    };
    assert!(message.contains("UTF-8"), "{message}");
}

/// Breaks when an exporter is told to try again what can never be taken, or not told when to try again what can.
#[tokio::test]
async fn a_refusal_says_whether_to_try_again() {
    let receiver = Receiver::with("otlp_request_max = '64KiB'\notlp_memory = '100KiB'").await;
    let large = vec![0; 65 << 10];
    for compression in [None, Some(CompressionEncoding::Gzip)] {
        let status = export(&receiver, Signal::Traces, compression, &large).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        assert!(status.message().contains("at most 65536 bytes"), "{status}");
        assert!(status.get_details_retry_info().is_none(), "{status}");
    }
    let held = {
        let mut held = receiver.room.enter();
        held.grow(100 << 10).unwrap();
        held
    };
    let status = export(&receiver, Signal::Traces, None, SPANS).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    let delay = status.get_details_retry_info().unwrap().retry_delay;
    assert_eq!(delay, Some(Duration::from_secs(1)));
    drop(held);
    export(&receiver, Signal::Traces, None, SPANS).await.unwrap();
    let status = export(&receiver, Signal::Traces, None, b"\xff\xff\xff").await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
}
