//! The handshake: a password, or a token, for the token that every later call shows.
//!
//! Clients in Go send no message and read the answer's header; those in Java send an empty one and read the header; those in Rust
//! read the payload of the response. All get all.

use std::sync::Arc;

use arrow_flight::{HandshakeRequest, HandshakeResponse};
use futures::StreamExt;
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status, Streaming};

use super::Answers;
use crate::run::Admission;
use crate::service::Service;

pub(super) async fn answer(
    service: &Arc<Service>,
    request: Request<Streaming<HandshakeRequest>>,
) -> Result<Response<Answers<HandshakeResponse>>, Status> {
    Admission::check(request.extensions().get())?;
    let (identity, token) = service.access.sign_in(request.metadata()).await?;
    tracing::info!(user = identity.user, role = %identity.role, "signed in");
    let header = MetadataValue::try_from(format!("Bearer {token}"))
        .map_err(|_| Status::unauthenticated("the token has characters that a header cannot hold"))?;
    let message = HandshakeResponse { protocol_version: 0, payload: token.into_bytes().into() };
    let mut response = Response::new(futures::stream::iter([Ok(message)]).boxed());
    response.metadata_mut().insert("authorization", header);
    Ok(response)
}
