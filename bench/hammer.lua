-- Sends the requests of a file (REQUESTS, separated by NUL) one after the other, from the first again after the last;
-- writes what came of it as JSON.
local requests, place = {}, 0

function init()
   local file = assert(io.open(os.getenv("REQUESTS"), "rb"))
   for request in file:read("*a"):gmatch("[^%z]+") do
      requests[#requests + 1] = request
   end
   file:close()
end

function request()
   place = place % #requests + 1
   return requests[place]
end

function done(summary, latency)
   local errors, failed = summary.errors, 0
   for _, kind in ipairs({ "connect", "read", "write", "status", "timeout" }) do
      failed = failed + errors[kind]
   end
   io.write(string.format('\n{"answers": %d, "micros": %d, "failed": %d, "p50": %d, "p99": %d}\n',
      summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99)))
end
