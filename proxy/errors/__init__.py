"""Everything that can go wrong, as one tree; the web layer renders it in OpenAI's error shape.

ProxyError
├── SettingsError             the service cannot start; the sentence says what to mend
└── ApiError                  a caller is answered with status, type, code and param
    ├── InvalidRequest        400
    │   └── ContextLengthExceeded
    ├── InvalidApiKey         401
    │   ├── InvalidAdminToken
    │   └── InvalidMetricsToken
    ├── ModelNotAllowed       403
    ├── OriginNotAllowed      403
    │   └── ForeignPage      nobody is asked for a key, and a page of others asks
    ├── NotFound              404
    │   ├── SessionNotFound
    │   └── TurnNotFound
    ├── MethodNotAllowed      405
    ├── RequestTimeout        408
    ├── SessionBusy           409
    ├── Conflict              409
    ├── IdempotencyConflict   409
    ├── RequestTooLarge       413
    ├── UnsupportedMediaType  415
    ├── RateLimitExceeded     429  our bucket
    ├── InsufficientQuota     429  a budget is spent
    ├── UpstreamRateLimited   429  ChatGPT's
    ├── TurnCancelled         499  in a stream or a replay
    ├── UpstreamRefused       400, 404  ChatGPT's own refusal of the request, in its words
    ├── RecordDamaged         500  what is stored cannot be read
    │   └── TurnsMissing
    ├── UpstreamError         502
    │   ├── UpstreamAuthFailed
    │   ├── UpstreamUnreachable
    │   └── UpstreamBroken   it began, and what it did cannot be used
    ├── TurnInterrupted       502  the worker that ran it is gone or is being stopped
    ├── StoreUnavailable      503
    ├── UpstreamUnavailable   503  not asked, for it failed again and again
    ├── Overloaded            503  the worker has as much to do as it may
    ├── Draining              503  the service is being stopped
    ├── UpstreamQuotaExhausted 503
    └── UpstreamTimeout       504
"""

from proxy.errors.request import (
    Conflict,
    ContextLengthExceeded,
    ForeignPage,
    IdempotencyConflict,
    InvalidAdminToken,
    InvalidApiKey,
    InvalidMetricsToken,
    InvalidRequest,
    MethodNotAllowed,
    ModelNotAllowed,
    NotFound,
    OriginNotAllowed,
    RequestTimeout,
    RequestTooLarge,
    SessionBusy,
    SessionNotFound,
    TurnNotFound,
    UnsupportedMediaType,
)
from proxy.errors.root import (
    LONGEST_RETRY_S,
    ApiError,
    Charge,
    ProxyError,
    SettingsError,
)
from proxy.errors.service import (
    Draining,
    InsufficientQuota,
    Overloaded,
    RateLimitExceeded,
    RecordDamaged,
    StoreUnavailable,
    TurnCancelled,
    TurnInterrupted,
    TurnsMissing,
)
from proxy.errors.upstream import (
    UpstreamAuthFailed,
    UpstreamBroken,
    UpstreamError,
    UpstreamQuotaExhausted,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
    UpstreamUnreachable,
)

__all__ = [
    "LONGEST_RETRY_S",
    "ApiError",
    "Charge",
    "Conflict",
    "ContextLengthExceeded",
    "Draining",
    "ForeignPage",
    "IdempotencyConflict",
    "InsufficientQuota",
    "InvalidAdminToken",
    "InvalidApiKey",
    "InvalidMetricsToken",
    "InvalidRequest",
    "MethodNotAllowed",
    "ModelNotAllowed",
    "NotFound",
    "OriginNotAllowed",
    "Overloaded",
    "ProxyError",
    "RateLimitExceeded",
    "RecordDamaged",
    "RequestTimeout",
    "RequestTooLarge",
    "SessionBusy",
    "SessionNotFound",
    "SettingsError",
    "StoreUnavailable",
    "TurnCancelled",
    "TurnInterrupted",
    "TurnNotFound",
    "TurnsMissing",
    "UnsupportedMediaType",
    "UpstreamAuthFailed",
    "UpstreamBroken",
    "UpstreamError",
    "UpstreamQuotaExhausted",
    "UpstreamRateLimited",
    "UpstreamRefused",
    "UpstreamTimeout",
    "UpstreamUnavailable",
    "UpstreamUnreachable",
]
