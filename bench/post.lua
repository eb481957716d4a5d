-- wrk's script: POST the lines of a file, one after the other, with a client key; tell what came.
--
-- Arguments: the file, the client key ('' for none).

local bodies, headers, turn = {}, { ['Content-Type'] = 'application/json' }, 0

function init(arguments)
  for line in io.lines(arguments[1]) do bodies[#bodies + 1] = line end
  if arguments[2] ~= '' then headers['Authorization'] = 'Bearer ' .. arguments[2] end
end

function request()
  turn = turn % #bodies + 1
  return wrk.format('POST', nil, headers, bodies[turn])
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('told %d %d %d %d %d\n', summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
