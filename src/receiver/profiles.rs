//! OTLP profiles over both transports: samples that are linked to a trace become an attachment of it (see
//! [`crate::otlp::read_profiles`]).

use opentelemetry_proto::tonic::collector::profiles::v1development::{
    ExportProfilesPartialSuccess, ExportProfilesServiceResponse,
};
use prost::Message as _;

use super::Intake;
use super::export::{Failure, Port, Wire, beside, capped, plain};
use super::held::Held;
use crate::model::{Signal, Tenant};
use crate::otlp::{Limits, Profiles, read_profiles};

/// The full name of the service.
pub(super) const SERVICE: &str = "opentelemetry.proto.collector.profiles.v1development.ProfilesService";
/// The value of the `signal` label.
pub(super) const LABEL: &str = "profiles";
/// What a client is told that sends something else over HTTP.
pub(super) const MEDIA_TYPE: &str = "profiles are taken as application/x-protobuf alone";
/// Most bytes of a request, before and after inflation: decoded, it takes several times as many.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Takes a request in; the message to answer with.
pub(super) async fn take<I: Intake>(
    port: &Port<I>,
    tenant: Tenant,
    wire: Wire,
    mut held: Held,
) -> Result<Vec<u8>, Failure> {
    let limit = port.limit.min(MAX_BYTES);
    let Wire { bytes, start, encoding, .. } = wire;
    let work = move || {
        let bytes = plain(encoding, bytes.get(start..).unwrap_or_default().to_vec(), limit, &mut held)?;
        if bytes.len() > limit {
            return Err(Failure::TooLarge { limit });
        }
        Ok((read_profiles(&bytes, &Limits::default())?, held))
    };
    let (Profiles { attachments, profiles, unlinked }, held) = beside(work).await?;
    for request in attachments {
        port.admit(tenant.clone(), Signal::Logs, request).await?;
    }
    drop(held);
    // Nothing of it is rejected: it may be sent to others as well, who want all of it.
    let partial_success = (unlinked > 0).then(|| ExportProfilesPartialSuccess {
        rejected_profiles: 0,
        error_message: capped(format!(
            "{unlinked} of {profiles} profiles have no sample that is linked to a trace, and are not kept"
        )),
    });
    Ok(ExportProfilesServiceResponse { partial_success }.encode_to_vec())
}
