"""A simulated ChatGPT: a process that speaks OpenAI's API, its refusals and its failures included.

It is the upstream of a first run without a key, of the tests and of the benchmark. Run it with
`python -m proxy.simulator`; what it answers can be scripted under `/_simulator/`.
"""
