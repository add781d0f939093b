package config

import "net/url"

// Log says what the log of the server is like.
type Log struct {
	// Format is json, a document a line, or text.
	Format string `yaml:"format"`
	// Level is the least that is written: debug, info, warn or error.
	Level string `yaml:"level"`
	// Requests is the level of the access log, a line for every answer; off
	// writes none.
	Requests string `yaml:"requests"`
}

// Tracing says where OpenTelemetry traces go. Off is the zero value.
type Tracing struct {
	// Endpoint is the base address of a collector that speaks OTLP over HTTP, as
	// in http://127.0.0.1:4318.
	Endpoint string `yaml:"endpoint"`
	// Percent is how many of a hundred requests and runs are traced; 0 leaves it
	// to OTEL_TRACES_SAMPLER, and all where that says nothing.
	Percent int `yaml:"percent"`
	// Environment is true when the standard variables name a collector.
	Environment bool `yaml:"-"`
}

// On reports whether anything is traced.
func (t Tracing) On() bool { return t.Endpoint != "" || t.Environment }

// defaultLog writes access lines for who debugs: SCIM has a request log of its
// own, and at thousands of requests a second they would be most of the log.
func defaultLog() Log { return Log{Format: "json", Level: "info", Requests: "debug"} }

// fromEnvironment looks at the variables of the OpenTelemetry specification,
// which the exporter reads by itself once there is one.
func (t *Tracing) fromEnvironment(env func(string) (string, bool)) {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		if v, _ := env(name); v != "" {
			t.Environment = true
		}
	}
	if v, _ := env("OTEL_SDK_DISABLED"); v == "true" {
		*t = Tracing{}
	}
}

func (v *validator) observing() {
	v.oneOf("log.format", v.Log.Format, "json", "text")
	levels := []string{"debug", "info", "warn", "error"}
	v.oneOf("log.level", v.Log.Level, levels...)
	v.oneOf("log.requests", v.Log.Requests, append(levels, "off")...)
	if t := v.Tracing; t.Endpoint != "" {
		if u, err := url.Parse(t.Endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			v.bad("tracing.endpoint", "not the address of a collector", "write it as http://127.0.0.1:4318")
		}
	}
	if v.Tracing.Percent < 0 || v.Tracing.Percent > 100 {
		v.bad("tracing.percent", "not a part of a hundred", "write 1 to 100")
	}
}
