# The MCP server beside a Jupyter server on which nothing of ours is installed: docs/docker.md.
# Jupyter's token comes from the environment or a file; it is neither in the image nor in an argument.

FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY jupyter_mcp_proxy ./jupyter_mcp_proxy
COPY labextension/build.py labextension/install.json ./labextension/
# The panel belongs to a Jupyter server, and there is none here.
ENV HATCH_JUPYTER_BUILDER_SKIP_NPM=1
RUN mkdir labextension/dist \
 && python -m venv /opt/mcp \
 && /opt/mcp/bin/python -m pip install --no-cache-dir --disable-pip-version-check .

FROM python:3.13-slim
COPY --from=build /opt/mcp /opt/mcp
# What is kept: the token of this endpoint, the audit, and notebooks as they were before an agent wrote to them.
RUN useradd --uid 1000 --home-dir /data --create-home mcp && chmod 700 /data
ENV PATH=/opt/mcp/bin:$PATH PYTHONUNBUFFERED=1
USER mcp
WORKDIR /data
VOLUME /data
EXPOSE 4040
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["python", "-c", "import urllib.request as u; u.build_opener(u.ProxyHandler({})).open(u.Request('http://127.0.0.1:4040/healthz', headers={'Authorization': 'Bearer ' + open('/data/token').read().strip()}), timeout=8)"]
ENTRYPOINT ["jupyter-mcp-proxy", "serve", "--host", "0.0.0.0", "--port", "4040", "--token-file", "/data/token"]
