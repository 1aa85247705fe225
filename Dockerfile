# MedCRM: web server, worker and beat are this one image with another command (compose.yaml).
FROM python:3.11-slim AS build
WORKDIR /srv/medcrm
COPY requirements.txt ./
RUN python -m venv .venv && .venv/bin/pip install --no-cache-dir -r requirements.txt

FROM python:3.11-slim
WORKDIR /srv/medcrm
# Files with personal data (imports, exports) lie where web and worker both reach them.
RUN useradd --system --no-create-home medcrm && install -d -o medcrm -m 700 /var/lib/medcrm
COPY --from=build /srv/medcrm/.venv .venv
COPY . .
# Nothing is connected to here: the settings only want to know the names.
RUN SECRET_KEY=build DATABASE_URL=postgres://build/build CELERY_BROKER_URL=memory:// CACHE_URL=dummycache:// \
    .venv/bin/python -m django collectstatic --settings medcrm.settings --no-input
USER medcrm
ENV PATH=/srv/medcrm/.venv/bin:$PATH PYTHONUNBUFFERED=1 PRIVATE_FILES=/var/lib/medcrm CELERY_BEAT_SCHEDULE_FILENAME=/tmp/celerybeat-schedule
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(r.Request('http://127.0.0.1:8000/health/live', headers={'X-Forwarded-Proto': 'https', 'Host': os.environ.get('ALLOWED_HOSTS', 'localhost').split(',')[0]}))"]
CMD ["gunicorn", "medcrm.wsgi", "--preload", "--bind", "0.0.0.0:8000", "--workers", "4", "--threads", "4", "--no-control-socket"]
