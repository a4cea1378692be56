/** The form of the node `viewshed`, in which somebody says once where their appliance is. */
export const appliancePage = (): string => `<script type="text/javascript">
RED.nodes.registerType('viewshed', {
  category: 'config',
  defaults: {
    name: { value: '' },
    address: { value: '', required: true, validate: (address) => /^https?:\\/\\/[^\\s/]+/.test(address) || 'An address such as http://viewshed.lan:8080' },
  },
  credentials: { key: { type: 'password' } },
  label() { return this.name || this.address || 'Viewshed appliance' },
})
</script>
<script type="text/html" data-template-name="viewshed">
<div class="form-row"><label for="node-config-input-address"><i class="fa fa-globe"></i> Address</label><input type="text" id="node-config-input-address" placeholder="http://viewshed.lan:8080"></div>
<div class="form-row"><label for="node-config-input-key"><i class="fa fa-key"></i> Key</label><input type="password" id="node-config-input-key" autocomplete="off"></div>
<div class="form-row"><label for="node-config-input-name"><i class="fa fa-tag"></i> Name</label><input type="text" id="node-config-input-name"></div>
<div class="form-tips">On the appliance, <code>viewshed keys add node-red --role flows</code> makes the key, and <code>flows: { elsewhere: … }</code> with the address of this Node-RED in <code>viewshed.yaml</code> lets it run the flows.</div>
</script>
<script type="text/html" data-help-name="viewshed">
<p>Where your Viewshed appliance is, and the key that lets this Node-RED run its flows. One Node-RED runs the flows of one appliance.</p>
</script>
`
