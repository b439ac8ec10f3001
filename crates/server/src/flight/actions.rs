//! Actions. Those of Flight SQL travel in a wrapper, those of Flight itself as they are.

use arrow_flight::sql::{
    ActionCancelQueryRequest, ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest, Any,
    ProstMessageExt,
};
use arrow_flight::{Action, ActionType, RenewFlightEndpointRequest};
use prost::Message;
use tonic::Status;

use super::{cancel, prepared, session_options};
use crate::service::Call;

const ACTIONS: [(&str, &str); 7] = [
    ("CreatePreparedStatement", "Prepares a statement: ActionCreatePreparedStatementRequest"),
    ("ClosePreparedStatement", "Closes a prepared statement: ActionClosePreparedStatementRequest"),
    ("CancelQuery", "Ends a running query: ActionCancelQueryRequest"),
    ("CancelFlightInfo", "Ends a running query: CancelFlightInfoRequest"),
    ("SetSessionOptions", "Sets catalog and schema to what they are: SetSessionOptionsRequest"),
    ("GetSessionOptions", "Tells catalog and schema: GetSessionOptionsRequest"),
    ("CloseSession", "Ends a session: CloseSessionRequest"),
];

/// Every action there is.
pub(super) fn all() -> impl Iterator<Item = ActionType> {
    ACTIONS.iter().map(|(name, description)| ActionType {
        r#type: (*name).to_owned(),
        description: (*description).to_owned(),
    })
}

/// Runs an action and answers the bodies of its results.
pub(super) async fn run(call: &Call, action: Action) -> Result<Vec<Vec<u8>>, Status> {
    let body = action.body.as_ref();
    let result = match action.r#type.as_str() {
        "CreatePreparedStatement" => {
            let request: ActionCreatePreparedStatementRequest = unwrap(body)?;
            let created = call.counted_unless_planned(prepared::create(call, request));
            created.await?.as_any().encode_to_vec()
        }
        "ClosePreparedStatement" => {
            let request: ActionClosePreparedStatementRequest = unwrap(body)?;
            prepared::close(call, &request);
            return Ok(vec![]);
        }
        "CancelQuery" => {
            let request: ActionCancelQueryRequest = unwrap(body)?;
            cancel::query(call, &request)?.as_any().encode_to_vec()
        }
        "CancelFlightInfo" => cancel::flight_info(call, body)?,
        // tickets do not expire
        "RenewFlightEndpoint" => {
            let request = RenewFlightEndpointRequest::decode(body).ok().and_then(|request| request.endpoint);
            let missing = || Status::invalid_argument("the body is no RenewFlightEndpointRequest");
            request.ok_or_else(missing)?.encode_to_vec()
        }
        "SetSessionOptions" => session_options::set(body)?,
        "GetSessionOptions" => session_options::get(),
        "CloseSession" => session_options::close(),
        "BeginTransaction" | "EndTransaction" | "BeginSavepoint" | "EndSavepoint" => {
            return Err(Status::unimplemented(
                "transactions are not supported: every statement stands alone",
            ));
        }
        "CreatePreparedSubstraitPlan" => {
            return Err(Status::unimplemented("plans of Substrait are not supported: send SQL"));
        }
        other => {
            let names: Vec<&str> = ACTIONS.iter().map(|(name, _)| *name).collect();
            let known = names.join(", ");
            return Err(Status::unimplemented(format!("there is no action \"{other}\": there are {known}")));
        }
    };
    Ok(vec![result])
}

fn unwrap<M: ProstMessageExt>(body: &[u8]) -> Result<M, Status> {
    let name = M::type_url().rsplit('.').next().unwrap_or_default();
    let malformed = || Status::invalid_argument(format!("the body is no {name}"));
    let any = Any::decode(body).map_err(|_| malformed())?;
    any.unpack().map_err(|_| malformed())?.ok_or_else(malformed)
}
