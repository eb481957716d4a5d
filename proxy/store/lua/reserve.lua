-- Take the costs of a request from every bucket, or from none.
--
-- KEYS: the reservation, then each bucket.
-- ARGV: now in microseconds ('' for the server's clock), milliseconds to keep the reservation,
--       then four for each bucket (_bucket.lua).
-- Returns: 1 or 0 for granted or refused, then for each bucket {balance, wait, time to full}; wait
--       is 0 for a bucket that holds enough.
-- Safe to run twice: a reservation that is there already is granted again and nothing is taken.

local now = clock(ARGV[1])
local repeated = redis.call('EXISTS', KEYS[1]) == 1
local buckets, waits, granted = {}, {}, 1

for index = 2, #KEYS do
  local bucket = refilled(KEYS[index], now, 3 + (index - 2) * WIDTH)
  local wait = repeated and 0 or until_level(bucket, bucket.cost)
  if wait > 0 then granted = 0 end
  buckets[index - 1], waits[index - 1] = bucket, wait
end

local reply = { granted }
for index, bucket in ipairs(buckets) do
  if granted == 1 and not repeated then
    bucket.balance = bucket.balance - bucket.cost
    keep(bucket)
    redis.call('HSET', KEYS[1], index, string.format('%.0f', bucket.cost))
  end
  reply[index + 1] = report(bucket, waits[index])
end
if granted == 1 and not repeated then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return reply
