-- Look at buckets and take nothing.
--
-- KEYS: each bucket.
-- ARGV: now in microseconds ('' for the server's clock), '', then four for each bucket
--       (_bucket.lua).
-- Returns: 1, then for each bucket {balance, wait for its cost, time to full}.

local now = clock(ARGV[1])
local reply = { 1 }
for index = 1, #KEYS do
  local bucket = refilled(KEYS[index], now, 3 + (index - 1) * WIDTH)
  reply[index + 1] = report(bucket, until_level(bucket, bucket.cost))
end
return reply
