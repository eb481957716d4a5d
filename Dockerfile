# The service in an image: docker build -t chat-proxy .
FROM python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d AS packages
COPY requirements.txt /
RUN python -m venv --without-pip /venv \
 && python -m pip --python /venv/bin/python install --no-cache-dir --only-binary :all: --require-hashes -r /requirements.txt

FROM python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d
# What installs packages is of no use to the service, but would be to an intruder.
RUN python -m pip uninstall --yes --quiet setuptools wheel pip \
 && groupadd --system --gid 10001 proxy \
 && useradd --system --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin proxy
COPY --from=packages /venv /venv
WORKDIR /app
COPY wsgi.py ./
COPY config config
COPY proxy proxy
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PROXY_HOST=0.0.0.0
RUN python -m compileall -q proxy
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:' + os.environ.get('PROXY_PORT', '8080') + '/readyz', timeout=4)"]
CMD ["gunicorn", "-c", "config/gunicorn.conf.py", "wsgi:app"]
