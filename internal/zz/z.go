package zz
import (
 _ "go.opentelemetry.io/otel/sdk/trace"
 _ "go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
 _ "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
 _ "github.com/emersion/go-msgauth/authres"
 _ "github.com/emersion/go-msgauth/dkim"
 _ "github.com/emersion/go-msgauth/dmarc"
 _ "github.com/emersion/go-message/charset"
 _ "github.com/emersion/go-smtp"
 _ "github.com/xuri/excelize/v2"
 _ "github.com/standard-webhooks/standard-webhooks/libraries/go"
 _ "github.com/getkin/kin-openapi/openapi3filter"
 _ "golang.org/x/net/idna"
 _ "golang.org/x/net/publicsuffix"
 _ "github.com/prometheus/client_golang/prometheus/promhttp"
)
