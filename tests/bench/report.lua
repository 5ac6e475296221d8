-- wrk script without requests of its own: one line of figures that tests/bench/http reads. Other scripts load it.
-- requests, of which refused (status over 399), socket errors, seconds, p50 ms, p99 ms
function done(summary, latency)
    local errors = summary.errors
    print(string.format("figures %d %d %d %.3f %.2f %.2f", summary.requests, errors.status,
                        errors.connect + errors.read + errors.write + errors.timeout,
                        summary.duration / 1e6, latency:percentile(50) / 1e3,
                        latency:percentile(99) / 1e3))
end
